//! What a Python process was told to run, by its command line.
//!
//! The options are CPython's (`python3 --help-all`, 3.11). Services rewrite their command line
//! (setproctitle): what they left there is told from what was typed.

/// What the command line says that the interpreter runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Program {
    /// The script at this path, as it was typed.
    Script(String),
    /// `-m MODULE`.
    Module(String),
    /// `-c COMMAND`. The command itself is not kept: it may hold secrets.
    Command,
    /// No program: standard input.
    Input,
    /// The process wrote a title over its command line.
    Title {
        /// Its first word: by custom the script's name.
        name: String,
        /// A path in it with that name, where it quotes the command line.
        path: Option<String>,
    },
    /// There is no command line.
    Nothing,
}

/// Long options whose value is the next word.
const LONG_WITH_VALUE: &str = "--check-hash-based-pycs";

/// What `command`, the command line of a Python interpreter, runs.
pub fn program(command: &[&str]) -> Program {
    let Some((first, rest)) = command.split_first().filter(|(first, _)| !first.is_empty()) else {
        return Program::Nothing;
    };
    if is_interpreter(first) { of_words(rest) } else { of_title(&command.join(" ")) }
}

/// Whether a word is the path or name of a Python interpreter.
pub fn is_interpreter(word: &str) -> bool {
    let name = word.rsplit('/').next().unwrap_or(word);
    let version = name.strip_prefix("-").unwrap_or(name).strip_prefix("python");
    version.is_some_and(|rest| {
        rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'))
    })
}

fn of_words(words: &[&str]) -> Program {
    let mut words = words.iter();
    while let Some(word) = words.next() {
        if *word == "--" {
            break;
        }
        if *word == LONG_WITH_VALUE {
            words.next();
            continue;
        }
        let Some(letters) = word.strip_prefix('-').filter(|letters| !letters.is_empty()) else {
            return script(word);
        };
        // `-bm MODULE`, `-bmMODULE`: letters up to the one that takes a value.
        let at = letters.find(['c', 'm', 'W', 'X', 'Q']).filter(|_| !letters.starts_with('-'));
        let Some((option, value)) = at.map(|at| letters[at..].split_at(1)) else { continue };
        let mut value = || match value {
            "" => words.next().copied().unwrap_or_default(),
            value => value,
        };
        match option {
            "c" => return Program::Command,
            "m" => return Program::Module(value().to_owned()),
            _ => drop(value()),
        }
    }
    words.next().map_or(Program::Input, |word| script(word))
}

fn script(word: &str) -> Program {
    match word {
        "-" | "" => Program::Input,
        path => Program::Script(path.to_owned()),
    }
}

/// A title such as cotyledon's `nova-scheduler: master process [/usr/bin/nova-scheduler …]`.
fn of_title(title: &str) -> Program {
    let words = || title.split([' ', '[', ']', ':', '\t']).filter(|word| !word.is_empty());
    let Some(first) = words().next() else { return Program::Nothing };
    let base = |word: &str| word.rsplit('/').next().unwrap_or_default().to_owned();
    let name = base(first);
    let path = words().find(|word| word.starts_with('/') && base(word) == name);
    Program::Title { path: path.map(str::to_owned), name }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(command: &str) -> Program {
        program(&command.split(' ').collect::<Vec<_>>())
    }

    fn script(path: &str) -> Program {
        Program::Script(path.into())
    }

    #[test]
    fn the_first_word_that_is_no_option_is_the_script() {
        let service = "/opt/venv/bin/python3 /opt/venv/bin/panko-api --port 8977";
        assert_eq!(of(service), script("/opt/venv/bin/panko-api"));
        assert_eq!(of("python3 -u -W ignore -X dev -bb app.py -m x"), script("app.py"));
        assert_eq!(of("python3.11 -Wignore -uX dev app.py"), script("app.py"));
        assert_eq!(of("python3 --check-hash-based-pycs always app.py"), script("app.py"));
        assert_eq!(of("python3 -I -- -odd.py"), script("-odd.py"));
    }

    #[test]
    fn a_module_or_a_command_ends_the_options() {
        assert_eq!(of("python3 -m gunicorn -c x app"), Program::Module("gunicorn".into()));
        assert_eq!(of("python3 -Imhttp.server 80"), Program::Module("http.server".into()));
        assert_eq!(of("python3 -uc pass x.py"), Program::Command);
        assert_eq!(of("python3 -m"), Program::Module(String::new()));
    }

    #[test]
    fn without_a_program_the_interpreter_reads_its_input() {
        for command in ["python3", "python3 -u", "python3 -", "-python3 -i"] {
            assert_eq!(of(command), Program::Input, "{command}");
        }
    }

    #[test]
    fn a_title_names_the_service_and_sometimes_its_path() {
        let title = |name: &str, path: Option<&str>| Program::Title {
            name: name.into(),
            path: path.map(str::to_owned),
        };
        assert_eq!(
            of("nova-scheduler: ServiceWrapper worker(0)   "),
            title("nova-scheduler", None)
        );
        let master = "nova-scheduler: master process [/opt/bin/nova-scheduler --config-file f]";
        assert_eq!(of(master), title("nova-scheduler", Some("/opt/bin/nova-scheduler")));
        assert_eq!(of("[celeryd: celery@host:MainProcess]"), title("celeryd", None));
        assert_eq!(program(&["/opt/bin/tool: idle"]), title("tool", Some("/opt/bin/tool")));
        assert_eq!((program(&[]), program(&[""])), (Program::Nothing, Program::Nothing));
    }

    #[test]
    fn only_a_python_is_an_interpreter() {
        let yes = ["python", "/usr/bin/python3.11", "python3.12d", "python3-dbg"];
        assert!(yes.iter().all(|word| is_interpreter(word)));
        let no = ["uwsgi", "python3: worker", "/srv/python/app", "my-python"];
        assert!(!no.iter().any(|word| is_interpreter(word)));
    }
}
