"""A tester's day from Python, in a world of its own, by the package that is generated from /openapi.json.

    python day.py http://127.0.0.1:8787
"""

import sys

import httpx
from onecity_world import Client
from onecity_world.api.clock import change_clock, get_clock
from onecity_world.api.faults import begin_fault, begin_preset, end_all_faults, end_fault
from onecity_world.api.gates import list_gates
from onecity_world.api.journal import read_journal, verify
from onecity_world.api.residents import expire_tokens
from onecity_world.api.state import list_submissions
from onecity_world.api.worlds import add_world, remove_world, reset_world
from onecity_world.models import ClockChange, Expectation, Refused, Rule, WorldWanted

server = sys.argv[1]
client = Client(base_url=server, headers={"OneCity-Admin": "python"}, raise_on_unexpected_status=True)
world = add_world.sync(client=client, body=WorldWanted(seed=7))
name, city = world.name, httpx.Client(base_url=f"{world.origin}/city/cn-sd.qingdao")

# Something goes wrong by name, and then as a rule says.
begin_preset.sync(world=name, name="city-down", client=client)
assert city.get("/transit").status_code == 503
assert end_fault.sync_detailed(world=name, id="city-down", client=client).status_code == 204
rule = Rule.from_dict({
    "id": "busy", "what": {"kind": "status", "status": 429, "retry_after": 3}, "on": {"path": "/city/*/transit"}, "times": 1,
})
assert begin_fault.sync(world=name, client=client, body=rule).struck == 0
busy = city.get("/transit")
assert (busy.status_code, busy.headers["retry-after"]) == (429, "3")
assert city.get("/transit").status_code == 200, "once, and no more"
end_all_faults.sync_detailed(world=name, client=client)

# Time passes.
before = get_clock.sync(world=name, client=client).milliseconds
change_clock.sync(world=name, client=client, body=ClockChange(jump_seconds=3600))
assert get_clock.sync(world=name, client=client).milliseconds - before >= 3_600_000

# What has arrived.
for number in ("1", "2"):
    report = city.post("/reports", headers={"idempotency-key": f'"{number}"'}, json={"category": "pothole"})
    assert report.status_code == 201, report.text
expected = Expectation.from_dict({
    "on": {"methods": ["POST"], "path": "/city/*/reports", "json": {"/category": "pothole"}}, "at_least": 2,
})
verdict = verify.sync(world=name, client=client, body=expected)
assert verdict.holds and verdict.count == 2, verdict
assert [own.status for own in read_journal.sync(world=name, client=client, method="POST")] == [201, 201]
assert len(list_submissions.sync(world=name, client=client)) == 2
assert expire_tokens.sync(world=name, client=client).count == 0
assert {own.name for own in list_gates.sync(world=name, client=client)} >= {"metro-1", "metro-2"}

# What can't be done is refused by name.
refused = end_fault.sync(world=name, id="nothing-of-this-name", client=client)
assert isinstance(refused, Refused) and refused.error == "unknown", refused

assert reset_world.sync_detailed(world=name, client=client).status_code == 204
assert read_journal.sync(world=name, client=client) == []
assert remove_world.sync_detailed(world=name, client=client).status_code == 204
print("a tester's day from Python, in a world of its own")
