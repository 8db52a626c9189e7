#![allow(dead_code, clippy::allow_attributes, reason = "each program uses its own part")]
//! A PostgreSQL server of our own: started by the first test that asks, gone with the process.
//!
//! The server belongs to a shell that reads from a pipe whose other end only this process holds. However the
//! process ends, the pipe ends with it; then the shell stops the server and removes its folder. The server
//! listens on a socket inside that folder and nowhere else, so any number of them get along.

use std::env;
use std::fs::{self, DirBuilder};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{self, Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

/// Run as `sh -c WATCH sh <folder> <folder of the binaries> <settings>`. Says `ready`, or why not. It outlives signals
/// meant for the tests, and starts nothing it would not stop, because it looks for the end of the pipe last.
const WATCH: &str = r#"
trap '' HUP INT TERM PIPE
folder=$1 bin=$2 settings=$3
start() {
    "$bin/initdb" --pgdata="$folder/data" --username=tidings --auth=trust --encoding=UTF8 --no-locale --no-sync ||
        return 1
    "$bin/postgres" -D "$folder/data" -k "$folder" -c listen_addresses= -c port=5432 -c max_connections=200 \
        $settings &
    server=$!
    for try in $(seq 600); do
        "$bin/psql" -Xqw -h "$folder" -p 5432 -U tidings -d postgres -c '' && return 0
        kill -0 "$server" || return 1
        sleep 0.05
    done
    return 1
}
if start >"$folder/log" 2>&1 </dev/null; then echo ready; else cat "$folder/log"; fi
exec >&-
cat >/dev/null
[ -z "$server" ] || { kill -QUIT "$server" && wait "$server"; }
rm -rf "$folder" || { sleep 1 && rm -rf "$folder"; }
"#;

/// For tests: nobody misses their data after a power cut.
const FAST: &str = "-c fsync=off -c synchronous_commit=off -c full_page_writes=off -c autovacuum=off";

/// As an operator runs it.
const DURABLE: &str = "-c shared_buffers=256MB -c max_wal_size=2GB";

/// The address of a database on a server that flushes to the disk, or `None` where PostgreSQL is not
/// installed.
pub(crate) fn url_for_new_durable_database(name_hint: &str) -> Option<String> {
    static SERVER: OnceLock<Result<Option<Server>, String>> = OnceLock::new();
    match SERVER.get_or_init(|| Server::start(DURABLE)) {
        Ok(server) => server.as_ref().map(|server| server.new_database(name_hint)),
        Err(problem) => panic!("PostgreSQL is installed and does not start: {problem}"),
    }
}

/// The address of a database that nobody has used, or `None` where PostgreSQL is not installed.
pub(crate) fn url_for_new_database(name_hint: &str) -> Option<String> {
    static SERVER: OnceLock<Result<Option<Server>, String>> = OnceLock::new();
    match SERVER.get_or_init(|| Server::start(FAST)) {
        Ok(Some(server)) => Some(server.new_database(name_hint)),
        Ok(None) => {
            assert_not_required("a database");
            None
        }
        Err(problem) => panic!("PostgreSQL is installed and does not start: {problem}"),
    }
}

/// Says past the test harness, which keeps what a passing test prints to itself, what was not tested.
pub(crate) fn say_skipped(what: &str) {
    say(&format!("skipped: {what}"));
}

/// Says something past the test harness.
pub(crate) fn say(what: &str) {
    // Nobody to tell is no reason to fail.
    let _ = writeln!(io::stderr(), "{what}");
}

/// Says what was not tested for want of PostgreSQL; fails where it is required.
pub(crate) fn skip_aloud(what: &str) {
    assert_not_required(what);
    say_skipped(&format!("{what}: PostgreSQL is not installed"));
}

/// Whether `TIDINGS_TEST_REQUIRE` lists it, so that its absence is a failure.
pub(crate) fn required(name: &str) -> bool {
    variable("TIDINGS_TEST_REQUIRE").is_some_and(|list| list.split(',').any(|item| item.trim() == name))
}

fn assert_not_required(what: &str) {
    assert!(
        !required("postgres"),
        "{what} needs PostgreSQL, which TIDINGS_TEST_REQUIRE demands: no folder with `initdb`, `postgres` and \
         `psql` was found on PATH, in /usr/lib/postgresql or by `pg_config --bindir`"
    );
}

#[expect(clippy::disallowed_methods, reason = "the tests' own settings are not the host's")]
pub(crate) fn variable(name: &str) -> Option<String> {
    env::var(name).ok()
}

struct Server {
    folder: PathBuf,
    binaries: PathBuf,
    /// Holds our end of the pipe.
    _watch: Child,
}

impl Server {
    fn start(settings: &str) -> Result<Option<Self>, String> {
        let Some(binaries) = binaries() else { return Ok(None) };
        let folder = new_folder().map_err(|error| format!("no folder for it: {error}"))?;
        let mut shell = command(Path::new("sh"));
        shell.arg("-c").arg(WATCH).arg("sh").arg(&folder).arg(&binaries).arg(settings);
        // Ctrl-C and a runner's time-out go to the tests' group of processes: the watch has its own.
        shell.current_dir("/").process_group(0);
        if let Some((user, group)) = other_user(&folder).map_err(|error| error.to_string())? {
            shell.uid(user).gid(group);
        }
        shell.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut watch = shell.spawn().map_err(|error| format!("no shell: {error}"))?;

        let mut answer = String::new();
        let said = watch.stdout.take().map(|mut stdout| stdout.read_to_string(&mut answer));
        match said {
            Some(Ok(_)) if answer.trim_end() == "ready" => Ok(Some(Self { folder, binaries, _watch: watch })),
            _ => Err(answer),
        }
    }

    fn new_database(&self, name_hint: &str) -> String {
        static COUNT: AtomicU32 = AtomicU32::new(1);
        let hint = name_hint.to_lowercase().replace(|c: char| !c.is_ascii_alphanumeric(), "_");
        // PostgreSQL cuts names at 63 bytes.
        let name = format!("{hint:.50}_{}", COUNT.fetch_add(1, Ordering::Relaxed));
        let folder = self.folder.display();
        let created = command(&self.binaries.join("psql"))
            .args(["-Xqw", "-p", "5432", "-U", "tidings", "-d", "postgres", "-c"])
            .arg(format!("CREATE DATABASE \"{name}\""))
            .arg("-h")
            .arg(&self.folder)
            .stdin(Stdio::null())
            .output()
            .expect("psql was there when the server started");
        let problem = String::from_utf8_lossy(&created.stderr);
        assert!(created.status.success(), "the database {name} was not created: {problem}");
        format!("postgres://tidings@localhost:5432/{name}?host={folder}")
    }
}

/// A command in an environment that does not point at somebody else's server.
fn command(program: &Path) -> Command {
    let mut command = Command::new(program);
    for (name, _) in env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("PG")) {
        command.env_remove(name);
    }
    command.env("LC_ALL", "C");
    command
}

/// Where `initdb`, `postgres` and `psql` are, the newest first where Debian keeps several.
fn binaries() -> Option<PathBuf> {
    let path = variable("PATH").unwrap_or_default();
    let mut debian: Vec<(u32, PathBuf)> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin"))))
        .collect();
    debian.sort();
    let told = command(Path::new("pg_config")).arg("--bindir").output().ok();
    let told = told.and_then(|output| String::from_utf8(output.stdout).ok());
    env::split_paths(&path)
        .chain(debian.into_iter().rev().map(|(_, folder)| folder))
        .chain(told.map(|folder| PathBuf::from(folder.trim_end())))
        .filter_map(|folder| Some(folder.join("initdb").canonicalize().ok()?.parent()?.to_owned()))
        .find(|folder| ["postgres", "psql"].iter().all(|program| folder.join(program).is_file()))
}

/// A folder that only we can enter. `/tmp` comes first because a socket's path must be short, and because every
/// user can reach what is in it.
fn new_folder() -> io::Result<PathBuf> {
    let temporary =
        Some(PathBuf::from("/tmp")).filter(|folder| folder.is_dir()).unwrap_or_else(env::temp_dir);
    let mut count = 0;
    loop {
        let folder = temporary.join(format!("tidings-pg-{}-{count}", process::id()));
        match DirBuilder::new().mode(0o700).create(&folder) {
            Ok(()) => return Ok(folder),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => count += 1,
            Err(error) => return Err(error),
        }
    }
}

/// The user and group to run as where we are root, whom the server refuses; the folder becomes theirs.
fn other_user(folder: &Path) -> io::Result<Option<(u32, u32)>> {
    // What we have just made belongs to whom we are.
    if fs::metadata(folder)?.uid() != 0 {
        return Ok(None);
    }
    let users = fs::read_to_string("/etc/passwd")?;
    let ids = |user: &str| {
        let mut fields =
            users.lines().find_map(|line| line.strip_prefix(user)?.strip_prefix(':'))?.split(':').skip(1);
        Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
    };
    let (user, group) = ids("postgres").or_else(|| ids("nobody")).ok_or_else(|| {
        io::Error::other("root must not run it, and there is no user `postgres` or `nobody`")
    })?;
    chown(folder, Some(user), Some(group))?;
    Ok(Some((user, group)))
}
