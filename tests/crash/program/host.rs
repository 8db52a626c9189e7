//! One host: the real program, at an address that outlives its deaths.

use super::house::House;
use std::fs::{File, OpenOptions};
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::Stdio;
use std::time::Duration;
use tidings::crash;
use tidings::sandbox::Sandbox;
use tidings::service::Patience;
use tokio::process::{Child, ChildStdout, Command};

/// A host that has not come to its crash point by then never will.
const LONG: Duration = Duration::from_mins(1);

/// A host is gone within 20 s, whatever its calls do, or a little later on a machine that is busy; those that the
/// trial leaves unanswered take 30.
const DRAIN: Duration = Duration::from_secs(28);

/// What a process says when it is ready; empty when it has ended.
pub(crate) async fn first_line(said: ChildStdout) -> String {
    let said = File::from(said.into_owned_fd().unwrap());
    let read = move || {
        let mut line = String::new();
        BufReader::new(said).read_line(&mut line).map(|_| line)
    };
    tokio::task::spawn_blocking(read).await.unwrap().unwrap()
}

pub(crate) struct Host {
    address: SocketAddr,
    child: Option<Child>,
    lives: u32,
}

impl Host {
    pub(crate) fn new() -> Self {
        // Callbacks need an address that is known before the host listens.
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        Self { address: listener.local_addr().unwrap(), child: None, lives: 0 }
    }

    pub(crate) fn base(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Starts it, and waits until it listens; with what is to befall it at a point, if anything is.
    pub(crate) async fn start(&mut self, house: &House, twilio: &Sandbox, doom: Option<&str>) {
        self.lives += 1;
        let log = OpenOptions::new().create(true).append(true).open(house.path().join("log")).unwrap();
        let mut command = house.tidings(&["serve", "--address", &self.address.to_string()], twilio);
        command
            .env("TIDINGS_PUBLIC_URL", self.base())
            .env("TIDINGS_LOG", "info")
            .env(Patience::VARIABLE, "1")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log);
        if let Some(doom) = doom {
            command.env(crash::VARIABLE, doom);
        }
        let mut child = Command::from(command).kill_on_drop(true).spawn().unwrap();
        let said = first_line(child.stdout.take().unwrap()).await;
        // It may die of what it finds before it has said so.
        assert!(!said.is_empty() || doom.is_some(), "it did not start; see {}/log", house.path().display());
        self.child = Some(child);
    }

    /// SIGKILL: between two instructions.
    pub(crate) async fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().await.unwrap();
        }
    }

    /// Whether it has died of itself.
    pub(crate) fn is_dead(&mut self) -> bool {
        self.child.as_mut().is_none_or(|child| child.try_wait().unwrap().is_some())
    }

    /// Whether it stands still, as SIGSTOP makes it.
    pub(crate) fn is_frozen(&self) -> bool {
        let id = self.child.as_ref().and_then(Child::id).unwrap();
        let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap();
        stat.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with('T'))
    }

    /// SIGCONT: it goes on where it was.
    pub(crate) async fn thaw(&self) {
        let id = self.child.as_ref().and_then(Child::id).unwrap().to_string();
        assert!(Command::new("kill").args(["-CONT", &id]).status().await.unwrap().success());
    }

    /// SIGTERM: waits until it has ended by itself, and well.
    pub(crate) async fn stop(&mut self) {
        let mut child = self.child.take().unwrap();
        let id = child.id().unwrap().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().await.unwrap().success());
        let ended = tokio::time::timeout(DRAIN, child.wait()).await.expect("it does not end").unwrap();
        assert!(ended.success(), "{ended}");
    }

    /// Waits for the death that was ordered.
    pub(crate) async fn until_dead(&mut self, what: &str) {
        let mut child = self.child.take().unwrap();
        let ended = tokio::time::timeout(LONG, child.wait()).await;
        let status = ended.unwrap_or_else(|_| panic!("it does not come to `{what}`")).unwrap();
        assert_eq!(std::os::unix::process::ExitStatusExt::signal(&status), Some(9), "{what}: {status}");
    }
}
