//! The words of a server's command line, by their options.

/// A command line.
pub(super) struct Arguments<'a> {
    words: Vec<&'a str>,
    told: Told,
}

/// How the words of a command line are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    /// As it was called.
    Word,
    /// By a title that the process gave itself and that quotes them: where a word with blanks ends is
    /// lost.
    Quoted,
    /// Not at all: by a title that tells something else.
    Hidden,
}

impl<'a> Arguments<'a> {
    /// Of a command line with the program's name. A title is one word with blanks: `nginx: master
    /// process /usr/sbin/nginx -c F` quotes the command line, `redis-server *:6379` does not.
    pub(super) fn of(command: &'a [String]) -> Arguments<'a> {
        let words = |text: &'a str| text.split_whitespace().skip(1).collect();
        match command {
            [title] if title.contains(' ') => match quoted(title) {
                Some(quoted) => Arguments { words: words(quoted), told: Told::Quoted },
                None => Arguments { words: words(title), told: Told::Hidden },
            },
            command => Arguments {
                words: command.iter().skip(1).map(String::as_str).collect(),
                told: Told::Word,
            },
        }
    }

    /// Of words without the program's name.
    pub(super) fn of_words(words: Vec<&'a str>) -> Arguments<'a> {
        Arguments { words, told: Told::Word }
    }

    /// Whether a title hides what the process was called with: its words are those of the title.
    pub(super) fn are_hidden(&self) -> bool {
        self.told == Told::Hidden
    }

    /// Whether it is not known where a word with blanks ends.
    pub(super) fn are_quoted(&self) -> bool {
        self.told == Told::Quoted
    }

    /// The values of an option: `-c F`, `-cF`, `--config F`, `--config=F`.
    pub(super) fn values(&self, option: &str) -> Vec<&'a str> {
        let mut found = Vec::new();
        let mut words = self.words.iter();
        while let Some(word) = words.next() {
            let Some(rest) = word.strip_prefix(option) else { continue };
            let is_short = !option.starts_with("--");
            match rest.strip_prefix('=') {
                _ if rest.is_empty() => found.extend(words.next()),
                Some(value) => found.push(value),
                // `-config` is no `-c onfig`.
                None if is_short && rest.starts_with(['/', '.']) => found.push(rest),
                None => {}
            }
        }
        found.retain(|value| !value.is_empty());
        found
    }

    /// The last value of an option.
    pub(super) fn value(&self, option: &str) -> Option<&'a str> {
        self.values(option).pop()
    }

    /// The first word, if it is no option; of a title any that is a path for sure.
    pub(super) fn first(&self) -> Option<&'a str> {
        if self.told != Told::Word {
            let is_path = |word: &&&str| word.starts_with('/') && word.ends_with(".conf");
            return self.words.iter().find(is_path).copied();
        }
        let word = self.words.first().copied()?;
        (!word.is_empty() && !word.starts_with('-')).then_some(word)
    }

    /// Whether these words follow each other somewhere.
    pub(super) fn have(&self, words: &[&str]) -> bool {
        self.words.windows(words.len().max(1)).any(|found| found == words)
    }

    /// All of them.
    pub(super) fn words(&self) -> &[&'a str] {
        &self.words
    }
}

/// The command line that a title quotes: nginx's `ngx_setproctitle` of the master, and sshd's of the
/// listener (`sshd: /usr/sbin/sshd -D [listener] 0 of 10-100 startups`).
fn quoted(title: &str) -> Option<&str> {
    let sshd = || title.strip_prefix("sshd: ").filter(|rest| rest.starts_with('/'));
    title.strip_prefix("nginx: master process ").or_else(sshd)
}
