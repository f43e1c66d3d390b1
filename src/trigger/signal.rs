//! Signals by name, and what they do to a process that does not handle them.

use nix::sys::signal::Signal;

use crate::target::signals::REAL_TIME;
pub use crate::target::signals::name;

/// The number of a signal, given as `USR2`, `SIGUSR2`, `RTMIN+1`, `RTMAX-1` or `12`.
pub fn by_name(typed: &str) -> Option<i32> {
    let upper = typed.to_ascii_uppercase();
    let name = upper.strip_prefix("SIG").unwrap_or(&upper);
    if let Ok(known) = format!("SIG{name}").parse::<Signal>() {
        return Some(known as i32);
    }
    let (first, last) = REAL_TIME;
    let offset = |text: &str, sign: char| match text {
        "" => Some(0),
        _ => text.strip_prefix(sign)?.parse::<i32>().ok().filter(|offset| *offset >= 0),
    };
    let number = if let Some(rest) = name.strip_prefix("RTMIN") {
        first.checked_add(offset(rest, '+')?)?
    } else if let Some(rest) = name.strip_prefix("RTMAX") {
        last.checked_sub(offset(rest, '-')?)?
    } else {
        let number = name.parse().ok()?;
        if Signal::try_from(number).is_ok() {
            return Some(number);
        }
        number
    };
    (first..=last).contains(&number).then_some(number)
}

/// What a signal does to a process that has set nothing for it, as the end of a sentence
/// (signal(7)).
pub fn default_action(signal: i32) -> &'static str {
    match Signal::try_from(signal) {
        Ok(Signal::SIGCHLD | Signal::SIGURG | Signal::SIGWINCH) => "would do nothing",
        Ok(Signal::SIGCONT) => "would let it go on, were it stopped",
        Ok(Signal::SIGSTOP | Signal::SIGTSTP | Signal::SIGTTIN | Signal::SIGTTOU) => {
            "would stop it"
        }
        _ => "would kill it",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_are_known_by_their_names_and_numbers() {
        for (typed, number) in [
            ("USR1", 10),
            ("SIGUSR2", 12),
            ("usr2", 12),
            ("12", 12),
            ("RTMIN", 34),
            ("SIGRTMIN+2", 36),
            ("RTMAX-1", 63),
            ("64", 64),
        ] {
            assert_eq!(by_name(typed), Some(number), "{typed}");
        }
        for typed in ["", "SIG", "USR3", "0", "-1", "32", "33", "65", "RTMIN-1", "RTMAX+1", "1e3"] {
            assert_eq!(by_name(typed), None, "{typed}");
        }
    }

    #[test]
    fn every_signal_has_the_name_that_finds_it() {
        for signal in (1..=31).chain(34..=64) {
            assert_eq!(by_name(&name(signal)), Some(signal));
        }
        assert_eq!(name(0), "signal 0");
    }

    #[test]
    fn what_a_signal_does_by_default_is_told() {
        assert_eq!(default_action(Signal::SIGUSR2 as i32), "would kill it");
        assert_eq!(default_action(Signal::SIGTSTP as i32), "would stop it");
        assert_eq!(default_action(Signal::SIGCHLD as i32), "would do nothing");
    }
}
