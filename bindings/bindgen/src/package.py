"""OneCity's phone: `OneCityApp.start(options, environment, ports)` with screens, `OneCity.open(options, ports)` without;
and the gate: `OfflineGate(...)`.

Ports that wait for a resident are coroutines. They run on the event loop that `use_event_loop` was told of.
"""

import atexit

from . import onecity_bindings as _bindings
from .onecity_app import *  # noqa: F403
from .onecity_bindings import *  # noqa: F403
from .onecity_core import *  # noqa: F403

# A thread of the core that called Python after it has ended would end the process with a fault: this lets none do so.
atexit.register(_bindings.end)


def use_event_loop(loop):
    """Says on which asyncio event loop the ports' coroutines run: call it once, where that loop is running."""
    _bindings.uniffi_set_event_loop(loop)
