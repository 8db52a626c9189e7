//! A home for the hosts of one trial, and their database.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use tidings::sandbox::Sandbox;

/// A folder of its own, gone at the end.
pub(crate) struct House {
    folder: PathBuf,
    database: Option<String>,
}

/// How long a call may take.
const CALLS: &str = "timeout = \"1s\"\nconnect_timeout = \"1s\"\n";

/// No brake on codes: hundreds of neighbours are posted some within minutes.
const REST: &str = "[server]\nrequests_per_minute = 100000000\n[policy]\nwall = \"2s\"\n\
    [otp.limits]\nphone = []\nprefix = []\nkey = []\ncountry = []\neveryone = []\n[twilio]\n";

impl House {
    /// On SQLite, or on the PostgreSQL database at this address.
    pub(crate) fn new(database: Option<String>) -> Self {
        let folder = new_folder();
        copy(compiled(), &folder);
        Self { folder, database }
    }

    /// Other lines in its configuration's `[twilio]`.
    pub(crate) fn with_twilio(self, lines: &str) -> Self {
        std::fs::write(self.folder.join("tidings.toml"), format!("{REST}{lines}")).unwrap();
        self
    }

    pub(crate) fn path(&self) -> &Path {
        &self.folder
    }

    /// The program in this house, with `twilio` as its Twilio and nothing of the machine's own settings.
    pub(crate) fn tidings(&self, arguments: &[&str], twilio: &Sandbox) -> Command {
        let mut command = tidings(&self.folder, arguments);
        command
            .env("TWILIO_ACCOUNT_SID", twilio.account_sid())
            .env("TWILIO_AUTH_TOKEN", twilio.auth_token().expose())
            .env("TWILIO_PHONE_NUMBER", "+15005550006")
            .env("TWILIO_BASE_URL", twilio.base_url());
        if let Some(url) = &self.database {
            command.env("DATABASE_URL", url);
        }
        command
    }

    /// A key that may do everything.
    pub(crate) fn key(&self, twilio: &Sandbox) -> String {
        let made = self.tidings(&["key", "create", "--name", "crash"], twilio).output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        String::from_utf8(made.stdout).unwrap().trim().to_owned()
    }
}

impl Drop for House {
    fn drop(&mut self) {
        // What is left of a failure is to be read.
        if !std::thread::panicking() {
            let _ = std::fs::remove_dir_all(&self.folder);
        }
    }
}

fn tidings(home: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidings"));
    command.env_clear().arg("--home").arg(home).args(arguments);
    command
}

pub(crate) fn new_folder() -> PathBuf {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let folder = std::env::temp_dir().join(format!("tidings-crash-{}-{number}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// A sound home whose policies are compiled already, to be copied.
fn compiled() -> &'static Path {
    static HOME: OnceLock<PathBuf> = OnceLock::new();
    HOME.get_or_init(|| {
        let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join("crash-home");
        for part in ["plugins", "templates", "locales"] {
            let _ = std::fs::remove_dir_all(home.join(part));
            copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join(part), &home.join(part));
        }
        std::fs::write(home.join("tidings.toml"), format!("{REST}{CALLS}")).unwrap();
        let checked = tidings(&home, &["check"]).output().unwrap();
        assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
        home
    })
}

/// Copies files and folders, but not the sources of plugins.
fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_file() {
            std::fs::copy(&path, &target).unwrap();
        } else if !path.join("Cargo.toml").exists() {
            copy(&path, &target);
        }
    }
}
