//! The real program in a home of its own, as an operator runs it.

use super::{Folder, repository, reqwest_client};
use serde_json::Value;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::OnceLock;

const FOLDERS: [&str; 3] = ["plugins", "templates", "locales"];
const SERVE: [&str; 4] = ["serve", "--sandbox", "--address", "127.0.0.1:0"];

const PROGRAM: &str = env!("CARGO_BIN_EXE_tidings");

pub(crate) fn tidings(home: &Path, arguments: &[&str]) -> Command {
    program(PROGRAM.as_ref(), home, arguments)
}

fn program(file: &Path, home: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(file);
    // Nothing of the machine's own settings reaches the program.
    command.env_clear().arg("--home").arg(home).args(arguments).stdin(Stdio::null());
    command
}

/// Exit status, what was printed and what was complained of.
pub(crate) fn run(home: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = tidings(home, arguments).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// Copies files and folders, but not the sources of plugins.
pub(crate) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_file() {
            fs::copy(&path, &target).unwrap();
        } else if !path.join("Cargo.toml").exists() {
            copy(&path, &target);
        }
    }
}

/// A sound home whose plugins are compiled already, to be copied by each test.
fn sound_home() -> &'static Path {
    static HOME: OnceLock<PathBuf> = OnceLock::new();
    HOME.get_or_init(|| {
        let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join("sound-home");
        for folder in FOLDERS {
            let _ = fs::remove_dir_all(home.join(folder));
            copy(&repository().join(folder), &home.join(folder));
        }
        let (status, _, errors) = run(&home, &["check"]);
        assert_eq!(status, Some(0), "{errors}");
        home
    })
}

pub(crate) fn new_home() -> Folder {
    let home = Folder::new();
    copy(sound_home(), home.path());
    home
}

/// Starts a host that must refuse to; what it complained of.
pub(crate) fn refused(home: &Path) -> (Option<i32>, String) {
    let mut child = tidings(home, &SERVE).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut said = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut said).unwrap();
    if !said.is_empty() {
        child.kill().unwrap();
    }
    let output = child.wait_with_output().unwrap();
    assert_eq!(said, "", "it started");
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

/// A running host, killed when the test ends.
pub(crate) struct Running {
    child: Child,
    pub(crate) base: String,
    pub(crate) key: String,
    /// The event of the `curl` line that it prints.
    pub(crate) event: Value,
    pub(crate) client: reqwest::Client,
    _stdout: BufReader<ChildStdout>,
}

impl Running {
    pub(crate) fn start(home: &Path, database: Option<&str>) -> Self {
        Self::start_with(home, database, &[])
    }

    /// The program in another file than it was built in.
    pub(crate) fn start_as(file: &Path, home: &Path) -> Self {
        Self::spawn(program(file, home, &SERVE), home)
    }

    pub(crate) fn start_with(home: &Path, database: Option<&str>, variables: &[(&str, &str)]) -> Self {
        let mut command = tidings(home, &SERVE);
        command.envs(variables.iter().copied());
        if let Some(url) = database {
            command.env("DATABASE_URL", url);
        }
        Self::spawn(command, home)
    }

    fn spawn(mut command: Command, home: &Path) -> Self {
        let log = fs::File::create(home.join("log")).unwrap();
        let mut child = command.stdout(Stdio::piped()).stderr(log).spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut said = String::new();
        while !said.trim_end().ends_with("}}'") {
            let length = stdout.read_line(&mut said).unwrap();
            assert_ne!(length, 0, "it ended: {said}{}", fs::read_to_string(home.join("log")).unwrap());
        }
        let after = |label: &str| {
            let line = said.lines().find_map(|line| line.trim().strip_prefix(label));
            line.unwrap_or_else(|| panic!("no {label} in {said}")).trim().to_owned()
        };
        let body = said.split_once("-d '").unwrap().1.trim_end().strip_suffix('\'').unwrap();
        let key = after("Key");
        assert!(said.contains(&format!("-H 'Authorization: Bearer {key}'")), "{said}");
        Self {
            child,
            base: after("API").strip_suffix("/api/v1").unwrap().to_owned(),
            key,
            event: serde_json::from_str(body).unwrap(),
            client: reqwest_client(),
            _stdout: stdout,
        }
    }

    pub(crate) fn post(&self, key: &str, event: &Value) -> reqwest::RequestBuilder {
        self.client.post(format!("{}/api/v1/events", self.base)).bearer_auth(key).json(event)
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        let request = self.client.get(format!("{}{path}", self.base)).bearer_auth(&self.key);
        request.send().await.unwrap().error_for_status().unwrap().json().await.unwrap()
    }

    /// What would be sent, of the first language that is asked for.
    pub(crate) async fn preview(&self, message: &Value) -> Value {
        let request = self.client.post(format!("{}/api/v1/preview", self.base)).bearer_auth(&self.key);
        request.json(message).send().await.unwrap().error_for_status().unwrap().json().await.unwrap()
    }

    /// The number of its process.
    pub(crate) fn process(&self) -> u32 {
        self.child.id()
    }

    /// Asks it to end, and waits until it has.
    pub(crate) fn stop(mut self) -> Option<i32> {
        let asked = Command::new("kill").arg("-TERM").arg(self.child.id().to_string()).status().unwrap();
        assert!(asked.success());
        self.child.wait().unwrap().code()
    }

    /// Ends it between two instructions.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// A program that does not outlive its test.
pub(crate) struct Killed(pub(crate) Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
