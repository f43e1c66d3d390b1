//! The words of a server's command line, by their options.

/// A command line.
pub(super) struct Arguments<'a> {
    words: Vec<&'a str>,
    /// Whether it is a title that the process gave itself, and not what it was called with.
    pub(super) titled: bool,
}

impl<'a> Arguments<'a> {
    /// Of a command line with the program's name. A title is one word with blanks: `nginx: master
    /// process /usr/sbin/nginx -c F` quotes the command line, `redis-server *:6379` does not.
    pub(super) fn of(command: &'a [String]) -> Arguments<'a> {
        match command {
            [title] if title.contains(' ') => {
                Arguments { words: title.split_whitespace().skip(1).collect(), titled: true }
            }
            command => Arguments {
                words: command.iter().skip(1).map(String::as_str).collect(),
                titled: false,
            },
        }
    }

    /// Of words without the program's name.
    pub(super) fn of_words(words: Vec<&'a str>) -> Arguments<'a> {
        Arguments { words, titled: false }
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

    /// The first word, if it is a path and no option; of a title any that is a path for sure.
    pub(super) fn first(&self) -> Option<&'a str> {
        if self.titled {
            let is_path = |word: &&&str| word.starts_with('/') && word.ends_with(".conf");
            return self.words.iter().find(is_path).copied();
        }
        let word = self.words.first().copied()?;
        let is_path = word.contains('/') || word.ends_with(".conf");
        (is_path && !word.starts_with('-')).then_some(word)
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
