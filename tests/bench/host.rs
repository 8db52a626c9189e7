//! The real program as a process of its own, in a home of its own.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// The account's token: the stand-in signs its callbacks with it.
pub(crate) const TOKEN: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

/// A home with the bundled files, gone at the end.
pub(crate) struct Home {
    folder: PathBuf,
    database: Option<String>,
}

/// A running host.
pub(crate) struct Serving {
    child: Child,
    pub(crate) address: String,
    pub(crate) start: Duration,
}

impl Home {
    /// On SQLite, or on the PostgreSQL database at this address.
    pub(crate) fn new(database: Option<String>) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("tidings-bench-{}-{number}", std::process::id()));
        let repository = Path::new(env!("CARGO_MANIFEST_DIR"));
        for part in ["plugins", "templates", "locales"] {
            copy(&repository.join(part), &folder.join(part));
        }
        // The brakes of codes count as they always do, and hold nobody; the breaker would say in the log that
        // nobody types these codes.
        let settings = "[server]\nrequests_per_minute = 100000000\n\
            [otp.limits]\nphone = [\"1000000/1h\", \"1000000/1d\"]\nprefix = [\"1000000/1h\", \"1000000/1d\"]\n\
            key = [\"1000000/1h\"]\ncountry = [\"1000000/1h\", \"1000000/1d\"]\neveryone = [\"1000000/1h\"]\n";
        std::fs::write(folder.join("tidings.toml"), settings).expect("the temporary folder can be written");
        Self { folder, database }
    }

    /// Changes one of its files.
    pub(crate) fn write(&self, file: &str, text: &str) {
        std::fs::write(self.folder.join(file), text).expect("the temporary folder can be written");
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(crate) fn command(&self, arguments: &[&str], provider: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tidings"));
        command
            .arg("--home")
            .arg(&self.folder)
            .args(arguments)
            .env("TWILIO_ACCOUNT_SID", format!("AC{}", "a".repeat(32)))
            .env("TWILIO_AUTH_TOKEN", TOKEN)
            .env("TWILIO_PHONE_NUMBER", "+15005550006")
            .env("TWILIO_BASE_URL", provider)
            .env("TIDINGS_LOG", "warn,tidings::service::otp=error")
            .stdout(Stdio::piped());
        if let Some(url) = &self.database {
            command.env("DATABASE_URL", url);
        }
        command
    }

    pub(crate) fn run(&self, arguments: &[&str], provider: &str) -> String {
        printed(self.command(arguments, provider))
    }

    /// With all its threads on the machine's first core, where the system has `taskset`.
    pub(crate) fn run_on_one_core(&self, arguments: &[&str], provider: &str) -> String {
        let command = self.command(arguments, provider);
        let has_taskset = Command::new("taskset").arg("--version").output().is_ok();
        let mut pinned = Command::new(if has_taskset { "taskset" } else { "env" });
        if has_taskset {
            pinned.args(["-c", "0"]);
        }
        pinned.arg(command.get_program()).args(command.get_args());
        pinned.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        printed(pinned)
    }

    pub(crate) fn serve(&self, provider: &str) -> Serving {
        let began = Instant::now();
        // Callbacks need an address that is known before the host listens.
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port on loopback");
        let address = listener.local_addr().expect("it has an address").to_string();
        drop(listener);
        let mut command = self.command(&["serve", "--address", &address], provider);
        command.env("TIDINGS_PUBLIC_URL", format!("http://{address}"));
        let mut child = command.spawn().expect("the program runs");
        let mut line = String::new();
        let output = child.stdout.take().expect("it is piped");
        BufReader::new(output).read_line(&mut line).expect("it prints where it listens");
        let start = began.elapsed();
        let address = line.split_whitespace().find(|word| word.starts_with("http://")).expect("an address");
        Serving { child, address: address.trim_end_matches(';').to_owned(), start }
    }
}

/// What a command prints.
fn printed(mut command: Command) -> String {
    let output = command.output().expect("the program runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("it prints text")
}

/// What a process holds in memory.
pub(crate) fn resident_mb(process: u32) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    let kb: f64 = line.split_whitespace().next().and_then(|number| number.parse().ok()).unwrap_or(f64::NAN);
    kb / 1024.0
}

/// A process's processor time, user and system.
pub(crate) fn processor_time(process: u32) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let ticks = |place: usize| -> u64 {
        after_name.split_whitespace().nth(place).and_then(|number| number.parse().ok()).unwrap_or(0)
    };
    Duration::from_millis((ticks(11) + ticks(12)) * 10)
}

impl Drop for Home {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

impl Serving {
    pub(crate) fn resident_mb(&self) -> f64 {
        resident_mb(self.child.id())
    }

    /// Of the host's own processor time, user and system.
    pub(crate) fn processor_time(&self) -> Duration {
        processor_time(self.child.id())
    }

    pub(crate) fn stop(self) {
        self.end("-TERM");
    }

    pub(crate) fn kill(self) {
        self.end("-KILL");
    }

    fn end(mut self, signal: &str) {
        let _ = Command::new("kill").args([signal, &self.child.id().to_string()]).status();
        let _ = self.child.wait();
    }
}

/// A bench that fails leaves none behind.
impl Drop for Serving {
    fn drop(&mut self) {
        // Nothing to do for one that has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("the temporary folder can be written");
    for entry in std::fs::read_dir(from).expect("the repository can be read").flatten() {
        let path = entry.path();
        let target = to.join(entry.file_name());
        if path.is_dir() && !path.join("Cargo.toml").is_file() {
            copy(&path, &target);
        } else if path.is_file() {
            std::fs::copy(&path, &target).expect("the temporary folder can be written");
        }
    }
}
