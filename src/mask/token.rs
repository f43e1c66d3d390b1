//! Secrets that announce themselves: tokens with a known prefix, HTTP credentials, private keys.
//!
//! Prefixes and lengths are those of gitleaks' and detect-secrets' rules.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

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

/// Secrets with something that must stay beside them: the group is the secret.
const IN_CONTEXT: &[&str] = &[
    // Authorization: Basic …; the scheme stays
    concat!(
        r#"(?i-u:authorization\\?["']?[ \t]*[:=][ \t]*\\?["']?"#,
        r"(?:(?:basic|bearer|digest|token|negotiate|ntlm|apikey|aws4-hmac-sha256)[ \t]+)?)",
        r#"([^\s"'\\][^\r\n"'\\]*)"#
    ),
    // Authorization: Digest username="…", response="…"
    r"(?i-u:authorization[ \t]*[:=][ \t]*digest[ \t]+)([^\r\n]+)",
    // X-Auth-Token: …, X-Api-Key: …; Cookie: …
    r#"(?i-u:\bx-[a-z0-9-]{0,60}(?:token|key|secret|password):[ \t]*)([^\s"'\\]+)"#,
    r#"(?i-u:\b(?:set-)?cookie:[ \t]*)([^\s"'\\][^\r\n"'\\]*)"#,
    // A private key up to its end line, or to the end where that is missing
    r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----((?s:.)*?)(?:-----END |\z)",
    // Slack's incoming webhooks
    r"hooks\.slack\.com/(?:services|workflows)/([A-Za-z0-9/_+-]+)",
    // Go's MySQL driver: user:password@tcp(host)/db
    r"(?:^|[\s\x22'=])[^\s:@/'\x22]*:([^\s]*)@(?:tcp|unix|udp)6?\(",
    // <password>…</password> and alike
    r"<(?i-u:[a-z0-9_.:-]{0,60}(?:password|passwd|passphrase|secret|token|api[_-]?key))>([^<]+)</",
    // openssl's -passin pass:…
    r"(?-u:\b)pass:([^\s]+)",
];

static TOKEN: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(&format!(r"(?-u:\b)(?:{})", TOKENS.join("|"))).ok());

static CONTEXT: LazyLock<Vec<Regex>> =
    LazyLock::new(|| IN_CONTEXT.iter().filter_map(|pattern| Regex::new(pattern).ok()).collect());

static BEARER: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"(?i-u:\bbearer[ \t]+)([A-Za-z0-9._~+/=-]{16,})").ok());

/// Adds the tokens of a text.
pub(super) fn find(text: &str, spans: &mut Vec<Range<usize>>) {
    if let Some(token) = TOKEN.as_ref() {
        spans.extend(token.find_iter(text).map(|found| found.range()));
    }
    for pattern in CONTEXT.iter() {
        spans.extend(pattern.captures_iter(text).filter_map(|c| c.get(1)).map(|m| m.range()));
    }
    if let Some(bearer) = BEARER.as_ref() {
        let tokens = bearer.captures_iter(text).filter_map(|c| c.get(1));
        // "bearer authentication-required" is a sentence; tokens have digits.
        let tokens = tokens.filter(|m| m.as_str().bytes().any(|b| b.is_ascii_digit()));
        spans.extend(tokens.map(|m| m.range()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_compiles() {
        assert!(TOKEN.is_some() && BEARER.is_some());
        assert_eq!(CONTEXT.len(), IN_CONTEXT.len());
    }
}
