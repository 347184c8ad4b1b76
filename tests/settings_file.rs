//! The fleet file on a real disk.
#![cfg(unix)]

use std::os::unix::fs::PermissionsExt;

use muster::settings::{FleetSettings, Login};
use secrecy::ExposeSecret as _;

const FLEET: &str = r#"
[[accounts]]
id = "1"
[[accounts.bots]]
name = "a"
logic = "echo"
login = { username = "u", password = "file:secrets/a" }
"#;

#[test]
fn a_secret_is_found_beside_the_fleet_file_and_an_open_one_is_warned_of() {
    let home = tempfile::tempdir().unwrap();
    let fleet = home.path().join("fleet.toml");
    let secret = home.path().join("secrets/a");
    std::fs::write(&fleet, FLEET).unwrap();
    std::fs::create_dir(home.path().join("secrets")).unwrap();
    std::fs::write(&secret, "s3cret-horse\n").unwrap();
    for (mode, warned) in [(0o600, false), (0o640, false), (0o644, true)] {
        std::fs::set_permissions(&secret, PermissionsExt::from_mode(mode)).unwrap();
        let (settings, warnings) = FleetSettings::load(&fleet).unwrap();
        let Login::Password { password, .. } = &settings.accounts[0].bots[0].login else {
            panic!("a password was declared")
        };
        assert_eq!(password.expose_secret(), "s3cret-horse");
        assert_eq!(!warnings.is_empty(), warned, "{mode:o}");
    }
}

#[test]
fn a_file_that_is_not_there_says_so() {
    let message = FleetSettings::load("no/such/fleet.toml".as_ref()).unwrap_err().to_string();
    assert!(message.starts_with("no/such/fleet.toml: cannot be read: No such file"), "{message}");
    assert!(message.ends_with("1 fault in no/such/fleet.toml"), "{message}");
}
