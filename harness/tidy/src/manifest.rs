//! The packages of the workspace as cargo lists them, and their manifests as people wrote them.

use serde::Deserialize;

use crate::Complaint;

/// A crate of the workspace.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Member {
    /// Its short name, which is its folder: `wire` for `ikelab-wire`.
    pub name: String,
    /// What it says it depends on.
    pub dependencies: Vec<Dependency>,
}

/// A dependency as a manifest states it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Dependency {
    /// The package's name.
    pub name: String,
    /// What it is needed for.
    pub kind: Kind,
}

/// What a dependency is needed for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// The crate itself.
    Normal,
    /// Its tests.
    Dev,
    /// Its build script.
    Build,
}

/// Reads what `cargo metadata --no-deps --format-version 1` prints.
///
/// # Errors
/// When it is not JSON of that shape.
pub fn members(metadata: &str) -> Result<Vec<Member>, String> {
    let metadata: Metadata =
        serde_json::from_str(metadata).map_err(|why| format!("cargo metadata: {why}"))?;
    Ok(metadata.packages.into_iter().map(member).collect())
}

fn member(package: Package) -> Member {
    let name = package.name.strip_prefix("ikelab-").unwrap_or(&package.name).to_owned();
    let dependencies = package
        .dependencies
        .into_iter()
        .map(|Declared { name, kind }| Dependency {
            name,
            kind: match kind.as_deref() {
                Some("dev") => Kind::Dev,
                Some("build") => Kind::Build,
                Some(_) | None => Kind::Normal,
            },
        })
        .collect();
    Member { name, dependencies }
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    dependencies: Vec<Declared>,
}

#[derive(Deserialize)]
struct Declared {
    name: String,
    kind: Option<String>,
}

/// Complains about each dependency whose version is not taken from the workspace's one list, and
/// about a crate that does not take the workspace's lints.
pub(crate) fn inherited(path: &str, content: &str) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    let mut table = "";
    for (place, line) in content.lines().enumerate() {
        let line = line.trim();
        if line.starts_with('[') {
            table = line;
        } else if table.ends_with("dependencies]") && line.contains('=') {
            let inherited = line.contains("workspace = true");
            if !inherited {
                let what =
                    format!("`{line}`: versions are in the top Cargo.toml; `workspace = true`");
                complaints.push(Complaint::rule(format!("{path}:{}", place + 1), what));
            }
        }
    }
    if !content.contains("[lints]\nworkspace = true") {
        complaints.push(Complaint::rule(path, "no `[lints] workspace = true`"));
    }
    complaints
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cargo_is_understood() {
        let metadata = r#"{"packages":[{"name":"ikelab-wire","dependencies":[
            {"name":"serde","kind":null},{"name":"proptest","kind":"dev"}]}],"version":1}"#;
        let dependency = |name: &str, kind| Dependency { name: name.into(), kind };
        let dependencies =
            vec![dependency("serde", Kind::Normal), dependency("proptest", Kind::Dev)];
        assert_eq!(members(metadata), Ok(vec![Member { name: "wire".into(), dependencies }]));
        assert!(members("no").is_err());
    }

    #[test]
    fn a_version_of_ones_own_is_refused() {
        let good = "[lints]\nworkspace = true\n[dependencies]\nserde.workspace = true\n";
        assert_eq!(inherited("Cargo.toml", good), []);
        let own = good.replace("serde.workspace = true", "serde = \"1\"");
        assert_eq!(inherited("Cargo.toml", &own)[0].place, "Cargo.toml:4");
        let lax = good.replace("[lints]", "[other]");
        assert_eq!(inherited("Cargo.toml", &lax).len(), 1);
    }
}
