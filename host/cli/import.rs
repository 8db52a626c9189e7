//! `tidings import`: the texts of a file are taken in, beside a host that may be running.

use super::CliError;
use super::home::{Home, HomeError, now};
use crate::clock::SystemClock;
use crate::http::read_message;
use crate::service::{Caller, Estimate, Host, HostError, IntakeError, OtpError, Providers};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;

/// Lines that are taken in at once; between them the host beside us has its turn at the database.
const AT_ONCE: usize = 100;
const TURN: Duration = Duration::from_millis(20);

#[derive(Args)]
#[command(after_help = "Example: tidings import december.jsonl --dry-run

Each line is one text as POST /api/v1/messages takes it:
  {\"type\": \"prescription-ready\", \"to\": {\"id\": \"ana\", \"phone\": \"+12025550143\"}}

Lines that were taken in before are passed by: import a file again after a crash, or when its wrong lines
are mended. To send the same lines once more, give another --name.")]
pub(super) struct Import {
    /// A file with one text a line, as JSON.
    file: PathBuf,
    /// Say what it would come to, and take nothing in.
    #[arg(long)]
    dry_run: bool,
    /// Under which name lines are known again; the file's, when left out.
    #[arg(long)]
    name: Option<String>,
    /// To the built-in Twilio only.
    #[arg(long)]
    test: bool,
}

/// Why a line was not taken in.
enum Problem {
    /// It has to be mended.
    Wrong(String),
    /// It may be as good as any, and cannot be taken in: what it stands beside in the database is not sound.
    Unfit(String),
    /// The database failed, and may be well again the next time.
    Failed(String),
}

/// What became of a line.
enum Done {
    New,
    Known,
    Estimated(Estimate),
}

#[derive(Default)]
struct Sum {
    new: u64,
    known: u64,
    wrong: u64,
    /// The host's fault, not the line's.
    unfit: u64,
    /// The database's.
    failed: u64,
    segments: u64,
    cost_micros: i64,
}

impl Import {
    pub(super) async fn run(
        self,
        home: &Path,
        environment: &BTreeMap<String, String>,
    ) -> Result<(), CliError> {
        let home = Home::open(home, environment)?;
        let name = self.file.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        let name = self.name.clone().unwrap_or(name);
        let text = std::fs::read(&self.file)
            .map_err(|error| CliError::failed(format!("{} cannot be read", self.file.display()), error))?;
        let store = home.store().await?;
        store.migrate().await.map_err(HomeError::from)?;
        let failed = |error| CliError::failed("the import cannot begin", error);
        let caller = Caller::importer(&store, self.test, now(), &home.chance).await.map_err(failed)?;
        let policies = home.policies().await?;
        if !self.dry_run {
            // First, because it goes line by line and may be broken off.
            super::audit::note(&store, "import", &name).await?;
        }
        let host = Host::new(
            store,
            policies,
            home.renderer()?,
            Providers { live: None, test: None },
            Arc::new(SystemClock),
            home.chance.clone(),
            home.config.settings(),
        );
        let sum = self.lines(&host, &caller, &name, &text).await;
        let currency = &host.settings.currency;
        if self.dry_run {
            #[expect(clippy::cast_precision_loss, reason = "shown with two digits")]
            let cost = sum.cost_micros as f64 / 1e6;
            println!(
                "{} texts, {} segments, about {cost:.2} {currency}; nothing was taken in",
                sum.new, sum.segments
            );
        } else {
            println!("{} texts taken in, {} were taken in before", sum.new, sum.known);
        }
        host.store.clone().close().await;
        match sum {
            Sum { failed: 1.., .. } => Err(CliError::plain(
                "the import was broken off, for the database failed: import the file again, and it goes on from there",
            )),
            Sum { unfit: unfit @ 1.., wrong, .. } => Err(CliError::plain(format!(
                "{unfit} lines cannot be taken in, and {wrong} are wrong; mend what is said of them and import the \
                 file again"
            ))),
            Sum { wrong: wrong @ 1.., .. } => {
                Err(CliError::plain(format!("{wrong} lines are wrong; mend them and import the file again")))
            }
            Sum { .. } => Ok(()),
        }
    }

    async fn lines(&self, host: &Host, caller: &Caller, name: &str, text: &[u8]) -> Sum {
        let text = text.strip_prefix("\u{feff}".as_bytes()).unwrap_or(text);
        let lines: Vec<(usize, &[u8])> = text
            .split(|byte| *byte == b'\n')
            .map(<[u8]>::trim_ascii)
            .enumerate()
            .filter(|(_, line)| !line.is_empty())
            .collect();
        let style = ProgressStyle::with_template("{bar:40} {human_pos}/{human_len}  {per_sec}  {eta}")
            .unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = ProgressBar::new(u64::try_from(lines.len()).unwrap_or(u64::MAX)).with_style(style);
        let (mut sum, mut times) = (Sum::default(), HashMap::<[u8; 32], u32>::new());
        for chunk in lines.chunks(AT_ONCE) {
            let mut tasks = JoinSet::new();
            for (index, line) in chunk {
                // The same line twice is two texts.
                let hash: [u8; 32] = Sha256::digest(line).into();
                let time = times.entry(hash).or_insert(0);
                *time += 1;
                let line_name = format!("{:032x}:{time}", u128::from_be_bytes(half(&hash)));
                let (host, caller, name) = (host.clone(), caller.clone(), name.to_owned());
                let (number, line, dry_run) = (index + 1, line.to_vec(), self.dry_run);
                tasks.spawn(
                    async move { (number, one(&host, &caller, &name, &line_name, &line, dry_run).await) },
                );
            }
            let mut done = tasks.join_all().await;
            done.sort_by_key(|(number, _)| *number);
            for (number, done) in done {
                match done {
                    Ok(Done::New) => sum.new += 1,
                    Ok(Done::Known) => sum.known += 1,
                    Ok(Done::Estimated(estimate)) => {
                        sum.new += 1;
                        sum.segments += u64::from(estimate.segments);
                        sum.cost_micros += estimate.cost_micros;
                    }
                    Err(problem) => {
                        let problem = match problem {
                            Problem::Wrong(problem) => {
                                sum.wrong += 1;
                                problem
                            }
                            Problem::Unfit(problem) => {
                                sum.unfit += 1;
                                problem
                            }
                            Problem::Failed(problem) => {
                                sum.failed += 1;
                                problem
                            }
                        };
                        bar.suspend(|| eprintln!("{}:{number}: {problem}", self.file.display()));
                    }
                }
            }
            bar.inc(u64::try_from(chunk.len()).unwrap_or(0));
            if sum.failed > 0 {
                break;
            }
            if !self.dry_run {
                tokio::time::sleep(TURN).await;
            }
        }
        bar.finish_and_clear();
        sum
    }
}

async fn one(
    host: &Host,
    caller: &Caller,
    name: &str,
    line_name: &str,
    line: &[u8],
    dry_run: bool,
) -> Result<Done, Problem> {
    let line = str::from_utf8(line)
        .map_err(|error| Problem::Wrong(format!("is not UTF-8 from byte {} on", error.valid_up_to() + 1)))?;
    let posted = read_message(line).map_err(Problem::Wrong)?;
    if dry_run {
        return host.estimate(&posted).await.map(Done::Estimated).map_err(|error| said(&error));
    }
    match host.import(caller, name, line_name, posted).await {
        Ok(accepted) if accepted.repeated => Ok(Done::Known),
        Ok(_) => Ok(Done::New),
        Err(error) => Err(said(&error)),
    }
}

fn said(error: &IntakeError) -> Problem {
    match error {
        IntakeError::Fields(wrong) => {
            let wrong: Vec<String> =
                wrong.iter().map(|field| format!("{} {}", field.pointer, field.detail)).collect();
            Problem::Wrong(wrong.join("; "))
        }
        // Only what may be over the next time keeps the rest of the file waiting.
        IntakeError::Code(OtpError::NotCounted(HostError::Store(cause)))
        | IntakeError::Host(HostError::Store(cause))
            if cause.may_pass() =>
        {
            Problem::Failed(super::chain(error))
        }
        IntakeError::Code(OtpError::NotCounted(_)) | IntakeError::Host(_) => {
            Problem::Unfit(super::chain(error))
        }
        IntakeError::KeyReused | IntakeError::VersionTaken | IntakeError::Code(_) => {
            Problem::Wrong(super::chain(error))
        }
    }
}

/// Half of a hash is more than enough to tell the lines of files apart.
fn half(hash: &[u8; 32]) -> [u8; 16] {
    std::array::from_fn(|place| hash[place])
}
