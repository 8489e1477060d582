//! What a run leaves in its folder.

use std::fs;
use std::path::Path;

use ikelab_report::{CaptureTitle, CellResult, Reading, capture, key_files, ladder};
use ikelab_scenario::Cell;
use ikelab_trace::Trace;

use crate::job::VERSION;
use crate::snapshot::snapshot;

/// The evidence of one run.
pub(crate) struct Evidence<'a> {
    pub(crate) folder: &'a Path,
    pub(crate) cell: &'a Cell,
    pub(crate) reading: &'a Reading<'a>,
    pub(crate) result: &'a CellResult,
}

impl Evidence<'_> {
    /// Writes the ladder and other views, and the capture with its keys.
    pub(crate) fn write(&self) -> Result<(), String> {
        let keys = self.folder.join("keys");
        fs::create_dir_all(&keys).map_err(|why| format!("{}: {why}", keys.display()))?;
        self.file("ladder.txt", ladder(self.reading).as_bytes())?;
        let views = snapshot(self.reading, &self.cell.snapshots);
        self.file("snapshot.txt", views.as_bytes())?;
        let title = CaptureTitle {
            scenario: self.result.scenario.clone(),
            cell: self.result.cell.clone(),
            seed: self.result.seed,
            version: VERSION.to_owned(),
        };
        self.file("capture.pcapng", &capture(self.reading, &title)?)?;
        let tables = key_files(self.reading.trace);
        self.file("keys/ikev2_decryption_table", tables.ikev2_decryption_table.as_bytes())?;
        self.file("keys/esp_sa", tables.esp_sa.as_bytes())?;
        self.file("wireshark.sh", tables.wireshark_sh.as_bytes())?;
        executable(&self.folder.join("wireshark.sh"))
    }

    /// Writes `results.json`, which holds the verdict of this run alone.
    pub(crate) fn results(folder: &Path, result: &CellResult) -> Result<(), String> {
        fs::create_dir_all(folder).map_err(|why| format!("{}: {why}", folder.display()))?;
        let text = serde_json::to_string_pretty(result).map_err(|why| why.to_string())?;
        save(&folder.join("results.json"), (text + "\n").as_bytes())
    }

    /// Writes `trace.jsonl`; gives its digest.
    pub(crate) fn trace(folder: &Path, trace: &Trace) -> Result<String, String> {
        fs::create_dir_all(folder).map_err(|why| format!("{}: {why}", folder.display()))?;
        let path = folder.join("trace.jsonl");
        let written = fs::File::create(&path).and_then(|file| trace.write_hashed(file));
        written.map_err(|why| format!("{}: {why}", path.display()))
    }

    fn file(&self, name: &str, octets: &[u8]) -> Result<(), String> {
        save(&self.folder.join(name), octets)
    }
}

fn save(path: &Path, octets: &[u8]) -> Result<(), String> {
    fs::write(path, octets).map_err(|why| format!("{}: {why}", path.display()))
}

#[cfg(unix)]
fn executable(path: &Path) -> Result<(), String> {
    use std::os::unix::fs::PermissionsExt;
    let mode = fs::Permissions::from_mode(0o755);
    fs::set_permissions(path, mode).map_err(|why| format!("{}: {why}", path.display()))
}

#[cfg(not(unix))]
fn executable(_: &Path) -> Result<(), String> {
    Ok(())
}
