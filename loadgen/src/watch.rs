//! `loadgen watch`: what every job says of the last minutes, on a terminal.
//!
//! ```text
//! look (reads, minute by minute) ─▶ figures (data, JSON) ─▶ panels (lines) ─▶ screen
//! ```
//!
//! Only `look` does I/O; what no longer changes it reads once.

mod figures;
mod look;
mod minutes;
mod panels;
mod screen;
mod text;

use std::io::Write;
use std::time::Duration;

use events::Timestamp;
use tokio::time::{MissedTickBehavior, interval};

use self::figures::Snapshot;
use self::look::{Places, Watcher};
use self::screen::Screen;
use crate::args::{Output, WatchArgs};
use crate::failure::Failure;
use crate::jobs::Job;
use crate::run::print;
use crate::sink::preflight::Aws;

/// Lines are made for a terminal of this width and end there.
const WIDTH: usize = 100;

/// What a watch has of the process.
pub struct Host {
    /// Where it is shown.
    pub stdout: Box<dyn Write + Send>,
    /// Whether that is a terminal, which can be written anew.
    pub on_terminal: bool,
    /// Whether colours are wanted there.
    pub colours: bool,
    /// The clock.
    pub now: fn() -> Timestamp,
}

impl std::fmt::Debug for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Host")
            .field("on_terminal", &self.on_terminal)
            .field("colours", &self.colours)
            .finish_non_exhaustive()
    }
}

/// Shows the panels once, or, on a terminal, again and again until it is dropped, which restores the terminal.
pub async fn watch(args: &WatchArgs, aws: &Aws, host: Host) -> Result<(), Failure> {
    let jobs = &args.running.jobs;
    if jobs.iter().all(|job| job == Job::Archive) {
        return Err(Failure::usage(
            "--jobs names no job that has a panel: archive has none",
        ));
    }
    let minutes = i64::try_from(args.last.as_secs().div_ceil(60)).unwrap_or(1);
    let places = Places::open(aws, &args.stage).await?;
    let watcher = Watcher::new(places, &args.stage, jobs.clone(), minutes);
    if args.once || !host.on_terminal || args.output == Output::Json {
        once(watcher, host, args.output).await
    } else {
        again(watcher, host, args.every).await
    }
}

async fn once(mut watcher: Watcher, mut host: Host, output: Output) -> Result<(), Failure> {
    let snapshot = Box::pin(watcher.look((host.now)())).await;
    let text = match output {
        Output::Json => to_json(&snapshot),
        Output::Human => to_lines(&snapshot, None, host.colours).join("\n"),
    };
    print(&mut host.stdout, &text)?;
    let unreadable: Vec<&str> = snapshot.unreadable().into_iter().map(|(name, _)| name).collect();
    if unreadable.is_empty() {
        Ok(())
    } else {
        Err(Failure::run(format!("cannot read {}", unreadable.join(", "))))
    }
}

async fn again(mut watcher: Watcher, host: Host, every: Duration) -> Result<(), Failure> {
    let mut screen = Screen::open(host.stdout)?;
    screen.show(&["reading …".to_owned()])?;
    let mut looks = interval(every);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        looks.tick().await;
        let snapshot = Box::pin(watcher.look((host.now)())).await;
        screen.show(&to_lines(&snapshot, Some(every), host.colours))?;
    }
}

fn to_json(snapshot: &Snapshot) -> String {
    serde_json::to_string_pretty(snapshot).expect("a snapshot has only string keys and finite numbers")
}

fn to_lines(snapshot: &Snapshot, every: Option<Duration>, colours: bool) -> Vec<String> {
    let lines = panels::render(snapshot, every);
    lines.iter().map(|line| line.to_text(WIDTH, colours)).collect()
}

#[cfg(test)]
mod tests {
    use aws_config::{BehaviorVersion, SdkConfig};

    use super::*;
    use crate::args::{Cli, Command};

    #[tokio::test]
    async fn only_a_job_without_a_panel_is_refused() {
        let aws = Aws {
            config: SdkConfig::builder()
                .behavior_version(BehaviorVersion::latest())
                .build(),
            endpoint: "nowhere".to_owned(),
        };
        for (jobs, exit_code) in [("archive", 2), ("batch", 1), ("archive,sales", 1)] {
            let Command::Watch(args) = Cli::read(["loadgen", "watch", "--jobs", jobs]).unwrap().command
            else {
                panic!("{jobs}")
            };
            let host = Host {
                stdout: Box::new(std::io::sink()),
                on_terminal: false,
                colours: false,
                now: || Timestamp::from_ms(0).unwrap(),
            };
            let failure = watch(&args, &aws, host).await.unwrap_err();
            assert_eq!(failure.exit_code(), exit_code, "{jobs}: {failure}");
        }
    }
}
