//! `guru doctor`: why guru can or can not see a process, how well, and what to do.

use std::io::Write as _;

use guru::error::{Error, Status};
use guru::target::access::{Access, Finding, Verdict};
use guru::target::live::LiveProcess;
use guru::target::live::access::Tree;

use crate::cli;
use crate::output::complain_of;

/// Says what there is to say, a line for each finding.
pub fn run(options: &cli::Doctor) -> Result<Status, Error> {
    let own = std::process::id().cast_signed();
    let access = match options.pid {
        None => Tree::here().access(own, None),
        Some(id) => match LiveProcess::open(id) {
            Ok((process, _)) => Tree::here().access(own, Some(process.pid)),
            Err(error @ (Error::NoProcess(_) | Error::Itself)) => return Err(error),
            Err(error) => {
                complain_of(&error);
                return Ok(error.status());
            }
        },
    };
    let findings = access.findings();
    print(&access, &findings).map_err(|error| Error::Output {
        to: "standard output".to_owned(),
        why: error.to_string(),
    })?;
    Ok(match findings.iter().map(|finding| finding.verdict).max() {
        Some(Verdict::Refused) => Status::CannotInspect,
        Some(Verdict::Limited) => Status::Partial,
        Some(Verdict::Fine) | None => Status::Complete,
    })
}

fn print(access: &Access, findings: &[Finding]) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    let kernel = access
        .host
        .kernel
        .map_or("an unknown kernel".to_owned(), |(major, minor)| format!("Linux {major}.{minor}"));
    let user =
        access.own.users.map_or("somebody".to_owned(), |ids| format!("user {}", ids.effective));
    writeln!(out, "guru {} as {user} on {kernel}", env!("CARGO_PKG_VERSION"))?;
    for Finding { verdict, text, to_do } in findings {
        let verdict = match verdict {
            Verdict::Fine => "fine",
            Verdict::Limited => "limited",
            Verdict::Refused => "refused",
        };
        writeln!(out, "{verdict:8} {text}")?;
        if let Some(to_do) = to_do {
            writeln!(out, "{:8} {to_do}", "  to do")?;
        }
    }
    Ok(())
}
