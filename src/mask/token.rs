//! Secrets that announce themselves: tokens with a known prefix, HTTP credentials, private keys.
//!
//! Prefixes and lengths are those of gitleaks' and detect-secrets' rules. A pattern is compiled only
//! when a text has what all its matches have: to compile them all takes longer than the rest of
//! the masking of a report.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use super::marks::Marks;

/// Tokens, whole.
const TOKENS: &[&str] = &[
    // AWS access key
    r"(?:A3T[A-Z0-9]|AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}(?-u:\b)",
    // GitHub, GitLab, npm, PyPI
    r"gh[pousr]_[A-Za-z0-9]{20,}",
    r"github_pat_[A-Za-z0-9_]{20,}",
    r"gl(?:pat|ptt|dt|rt|cbt|soat|ft|agent|imt|oas)-[A-Za-z0-9_-]{20,}",
    r"npm_[A-Za-z0-9]{36,}",
    r"pypi-[A-Za-z0-9_-]{50,}",
    // Slack, SendGrid, Stripe, Twilio, Telegram, Shopify, Mailgun
    r"xox[abeoprs]-[A-Za-z0-9-]{10,}",
    r"xapp-[A-Za-z0-9-]{10,}",
    r"SG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}",
    r"[sr]k_(?:live|test)_[A-Za-z0-9]{10,}",
    r"whsec_[A-Za-z0-9+/=]{20,}",
    r"(?:SK|AC)[0-9a-f]{32}(?-u:\b)",
    r"[0-9]{8,10}:AA[A-Za-z0-9_-]{33}",
    r"shp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}",
    r"key-[0-9a-f]{32}(?-u:\b)",
    // Google, OpenAI and alike, Vault, DigitalOcean, age
    r"AIza[A-Za-z0-9_-]{35}",
    r"ya29\.[A-Za-z0-9_-]{20,}",
    r"GOCSPX-[A-Za-z0-9_-]{20,}",
    r"sk-(?:proj|ant|svcacct|admin)-[A-Za-z0-9_-]{20,}",
    r"sk-[A-Za-z0-9]{32,}",
    r"hf_[A-Za-z0-9]{30,}",
    r"hv[sbr]\.[A-Za-z0-9_-]{20,}",
    r"do[opr]_v1_[0-9a-f]{64}",
    r"AGE-SECRET-KEY-1[A-Z0-9]{50,}",
    // JSON Web Token; Fernet (keystone's tokens)
    r"ey[A-Za-z0-9_-]{8,}\.ey[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*",
    r"gAAAAA[A-Za-z0-9_-]{50,}=*",
];

/// How tokens begin, in lower case.
const TOKEN_STARTS: &[&str] = &[
    "a3t",
    "akia",
    "asia",
    "abia",
    "acca",
    "ghp_",
    "gho_",
    "ghu_",
    "ghs_",
    "ghr_",
    "github_pat_",
    "glpat-",
    "glptt-",
    "gldt-",
    "glrt-",
    "glcbt-",
    "glsoat-",
    "glft-",
    "glagent-",
    "glimt-",
    "gloas-",
    "npm_",
    "pypi-",
    "xox",
    "xapp-",
    "sg.",
    "sk_live_",
    "sk_test_",
    "rk_live_",
    "rk_test_",
    "whsec_",
    "shpat_",
    "shpca_",
    "shppa_",
    "shpss_",
    "key-",
    "aiza",
    "ya29.",
    "gocspx-",
    "sk-",
    "hf_",
    "hvs.",
    "hvb.",
    "hvr.",
    "dop_v1_",
    "doo_v1_",
    "dor_v1_",
    "age-secret-key-1",
    "gaaaaa",
];

/// What the others have inside: Telegram's, a JSON Web Token.
const TOKEN_PARTS: &[&str] = &[":aa", ".ey"];

/// Twilio's have so many hexadecimal digits.
const TOKEN_DIGITS: usize = 32;

/// Secrets with something that must stay beside them: the group is the secret. With what every
/// match has one of, in lower case.
const IN_CONTEXT: &[(&[&str], &str)] = &[
    // Authorization: Basic …; the scheme stays
    (
        &["authorization"],
        concat!(
            r#"(?i-u:authorization\\?["']?[ \t]*[:=][ \t]*\\?["']?"#,
            r"(?:(?:basic|bearer|digest|token|negotiate|ntlm|apikey|aws4-hmac-sha256)[ \t]+)?)",
            r#"([^\s"'\\][^\r\n"'\\]*)"#
        ),
    ),
    // Authorization: Digest username="…", response="…"
    (&["authorization"], r"(?i-u:authorization[ \t]*[:=][ \t]*digest[ \t]+)([^\r\n]+)"),
    // X-Auth-Token: …, X-Api-Key: …; Cookie: …
    (
        &["token:", "key:", "secret:", "password:"],
        r#"(?i-u:\bx-[a-z0-9-]{0,60}(?:token|key|secret|password):[ \t]*)([^\s"'\\]+)"#,
    ),
    (&["cookie:"], r#"(?i-u:\b(?:set-)?cookie:[ \t]*)([^\s"'\\][^\r\n"'\\]*)"#),
    // A private key up to its end line, or to the end where that is missing
    (
        &["-----begin "],
        r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----((?s:.)*?)(?:-----END |\z)",
    ),
    // Slack's incoming webhooks
    (&["hooks.slack.com/"], r"hooks\.slack\.com/(?:services|workflows)/([A-Za-z0-9/_+-]+)"),
    // Go's MySQL driver: user:password@tcp(host)/db
    (&["@tcp", "@unix", "@udp"], r"(?:^|[\s\x22'=])[^\s:@/'\x22]*:([^\s]*)@(?:tcp|unix|udp)6?\("),
    // <password>…</password> and alike
    (
        &["</"],
        r"<(?i-u:[a-z0-9_.:-]{0,60}(?:password|passwd|passphrase|secret|token|api[_-]?key))>([^<]+)</",
    ),
    // Hashes of passwords, behind what tells their kind: $6$salt$hash of crypt(3) and htpasswd
    (
        &["$"],
        r"\$(?:[156]|apr1|md5|sha1)\$((?:rounds=[0-9]{1,9}\$)?[^\s$:\x22',]{0,64}\$[./A-Za-z0-9]{20,})",
    ),
    (&["$2"], r"\$2[abxy]?\$[0-9]{2}\$([./A-Za-z0-9]{20,})"),
    (&["$y$", "$gy$", "$7$"], r"\$(?:y|gy|7)\$([./A-Za-z0-9$]{20,})"),
    (&["$argon2", "$scrypt$"], r"\$(?:argon2(?:id|i|d)|scrypt)\$([A-Za-z0-9+/=,$.-]{20,})"),
    (&["$p$", "$h$"], r"\$[PH]\$([./A-Za-z0-9]{20,})"),
    // Django's, PostgreSQL's
    (
        &["pbkdf2"],
        r"(?-u:\b)pbkdf2[_a-z0-9-]{0,20}\$([0-9]{1,9}\$[^\s$:\x22',]{1,64}\$[A-Za-z0-9+/=]{20,})",
    ),
    (&["scram-sha-"], r"SCRAM-SHA-(?:1|256)\$([0-9]{1,9}:[A-Za-z0-9+/=]+\$[A-Za-z0-9+/=:]{20,})"),
    // LDAP's {SSHA}…, which htpasswd has as {SHA}
    (
        &["sha", "md5}", "crypt}", "argon2}", "plain}", "cleartext}"],
        r"\{(?:S?SHA(?:256|384|512)?|SSHA(?:-?[0-9]{3})?|S?MD5|CRYPT|ARGON2|PLAIN|CLEARTEXT)\}([A-Za-z0-9+/=$.,_-]{16,})",
    ),
    // Redis: user u on #sha256
    (&[" #", "\t#"], r"[ \t]#([0-9a-f]{64})(?-u:\b)"),
    // jdbc:oracle:thin:user/password@host
    (&["jdbc:oracle:"], r"(?i-u:jdbc:oracle:[a-z0-9]{1,10}:)[^\s/@:\x22']{0,64}/([^\s]+)@"),
    // openssl's -passin pass:…
    (&["pass:"], r"(?-u:\b)pass:([^\s]+)"),
];

type LazyRegex = LazyLock<Option<Regex>, Box<dyn FnOnce() -> Option<Regex> + Send + Sync>>;

static TOKEN: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(&format!(r"(?-u:\b)(?:{})", TOKENS.join("|"))).ok());

static CONTEXT: LazyLock<Vec<LazyRegex>> = LazyLock::new(|| {
    let compile = |pattern| LazyRegex::new(Box::new(move || Regex::new(pattern).ok()));
    IN_CONTEXT.iter().map(|(_, pattern)| compile(*pattern)).collect()
});

static BEARER: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"(?i-u:\bbearer[ \t]+)([A-Za-z0-9._~+/=-]{16,})").ok());

/// What the patterns have, each by its number: that of tokens, of bearers, and from [`FIRST`] on of
/// what stands in a context.
static MARKS: LazyLock<Marks> = LazyLock::new(|| {
    let tokens = TOKEN_STARTS.iter().map(|mark| (STARTED, *mark));
    let parts = TOKEN_PARTS.iter().map(|mark| (PARTED, *mark));
    let contexts = (FIRST..).zip(IN_CONTEXT);
    let contexts = contexts.flat_map(|(n, (marks, _))| marks.iter().map(move |mark| (n, *mark)));
    Marks::new(tokens.chain(parts).chain([(BEARERS, "bearer")]).chain(contexts))
});
const STARTED: usize = 0;
const PARTED: usize = 1;
const BEARERS: usize = 2;
const FIRST: usize = 3;

/// Which of the patterns may match in a text, a bit for each.
fn marks(text: &str) -> u64 {
    let in_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let begins = |at: usize| {
        let before = at.checked_sub(1).and_then(|before| text.as_bytes().get(before));
        before.is_none_or(|byte| !in_word(*byte))
    };
    let found = MARKS.find(text).filter(|(number, at)| *number != STARTED || begins(*at));
    found.fold(0, |found, (number, _)| found | 1 << number)
}

/// Adds the tokens of a text.
pub(super) fn find(text: &str, spans: &mut Vec<Range<usize>>) {
    let marks = marks(text);
    let has = |number: usize| marks & 1 << number != 0;
    if may_have_token(text, marks)
        && let Some(token) = TOKEN.as_ref()
    {
        spans.extend(token.find_iter(text).map(|found| found.range()));
    }
    if marks == 0 {
        return;
    }
    for (number, pattern) in (FIRST..).zip(CONTEXT.iter()) {
        if has(number)
            && let Some(pattern) = pattern.as_ref()
        {
            spans.extend(pattern.captures_iter(text).filter_map(|c| c.get(1)).map(|m| m.range()));
        }
    }
    if has(BEARERS)
        && let Some(bearer) = BEARER.as_ref()
    {
        let tokens = bearer.captures_iter(text).filter_map(|c| c.get(1));
        // "bearer authentication-required" is a sentence; tokens have digits.
        let tokens = tokens.filter(|m| m.as_str().bytes().any(|b| b.is_ascii_digit()));
        spans.extend(tokens.map(|m| m.range()));
    }
}

/// Whether a text with these marks has what every token has: its beginning where a word begins, or
/// its other mark.
fn may_have_token(text: &str, marks: u64) -> bool {
    marks & (1 << STARTED | 1 << PARTED) != 0
        || text
            .as_bytes()
            .split(|byte| !byte.is_ascii_hexdigit())
            .any(|digits| digits.len() >= TOKEN_DIGITS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_compiles() {
        assert!(TOKEN.is_some() && BEARER.is_some());
        assert_eq!(CONTEXT.len(), IN_CONTEXT.len());
        assert!(FIRST + IN_CONTEXT.len() <= 64);
        assert!(CONTEXT.iter().all(|pattern| pattern.is_some()));
    }

    proptest::proptest! {
        /// What the patterns match has the marks by which they are chosen.
        #[test]
        fn a_token_is_never_passed_over(before in "[ -~]{0,8}", nth in 0..TOKENS.len(), seed: u64) {
            let token = generated(TOKENS[nth], seed);
            let text = format!("{before} {token}");
            let known = TOKEN.as_ref().is_some_and(|token| token.is_match(&text));
            proptest::prop_assert!(known, "{text}");
            proptest::prop_assert!(may_have_token(&text, marks(&text)), "{text}");
        }
    }

    /// A text that matches a pattern.
    fn generated(pattern: &str, seed: u64) -> String {
        use proptest::strategy::{Strategy as _, ValueTree as _};
        use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

        let seed: Vec<u8> = seed.to_le_bytes().into_iter().cycle().take(32).collect();
        let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &seed);
        let mut runner = TestRunner::new_with_rng(Config::default(), rng);
        let pattern = pattern.trim_end_matches(r"(?-u:\b)");
        let strategy = proptest::string::string_regex(pattern);
        let tree = strategy.ok().and_then(|strategy| strategy.new_tree(&mut runner).ok());
        tree.map(|tree| tree.current()).unwrap_or_default()
    }
}
