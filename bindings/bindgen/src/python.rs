//! What makes a package of the generated Python modules: one name to import, and an orderly end of the process.

use anyhow::{Result, ensure};
use camino::Utf8Path;

/// The package's name.
pub(crate) const PACKAGE: &str = "onecity";

/// What UniFFI 0.32 does when Rust lets go of a coroutine that it waited for: it calls the event loop from another thread in
/// a way that only the loop's own thread may, and also once the loop is closed.
const UNSAFE_CANCEL: &str = "    eventloop.call_soon(_uniffi_cancel_task, task)\n";
const SAFE_CANCEL: &str =
    "    if not eventloop.is_closed():\n        eventloop.call_soon_threadsafe(_uniffi_cancel_task, task)\n";

/// Writes the package's own file beside the generated modules, and corrects these.
pub(crate) fn complete(out: &Utf8Path) -> Result<()> {
    let folder = out.join(PACKAGE);
    std::fs::write(folder.join("__init__.py"), include_str!("package.py"))?;
    let module = folder.join("onecity_bindings.py");
    let generated = std::fs::read_to_string(&module)?;
    ensure!(generated.matches(UNSAFE_CANCEL).count() == 1, "UniFFI generates something else: see SAFE_CANCEL");
    std::fs::write(module, generated.replace(UNSAFE_CANCEL, SAFE_CANCEL))?;
    Ok(())
}
