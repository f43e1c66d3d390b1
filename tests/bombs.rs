//! Programs and databases of packages that are small on the disk and large in memory, or large and
//! all of one kind: each is reported in little memory, by the names that its symbols have.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use object::read::elf::ElfFile64;
use object::{Object as _, ObjectSection as _};

use crate::support::{
    DEADLINE, Target, can_make_namespaces, functions, guru_with_peak, root, skip_impossible,
    stdout_of, threads,
};
use guru::report::Report;

/// The most memory that guru may need, in KiB.
const MAX_PEAK: u64 = 256 << 10;

/// How large the sections are made.
const SIZE: usize = 48 << 20;

/// `SHF_COMPRESSED`.
const COMPRESSED: u8 = 0x08;

/// A program, and another content for some of its sections.
struct Bomb {
    program: Vec<u8>,
}

impl Bomb {
    fn of(program: &str) -> Option<Bomb> {
        Some(Bomb { program: fs::read(Target::program(program)?).unwrap() })
    }

    fn file(&self) -> ElfFile64<'_> {
        ElfFile64::parse(&*self.program).unwrap()
    }

    fn section(&self, name: &str) -> Vec<u8> {
        self.file().section_by_name(name).unwrap().data().unwrap().to_vec()
    }

    /// Writes the program with these sections behind all else; compressed, if `packed`.
    fn write(&self, path: &Path, sections: &[(&str, &[u8])], packed: bool) {
        let mut bytes = self.program.clone();
        let headers = usize::try_from(u64::from_le_bytes(*bytes[40..].first_chunk().unwrap()));
        for (name, content) in sections {
            let index = self.file().section_by_name(name).unwrap().index().0;
            let header = headers.unwrap() + 64 * index;
            let content = if packed { pack(content) } else { content.to_vec() };
            if packed {
                bytes[header + 9] |= COMPRESSED;
            }
            let (start, len) = (bytes.len() as u64, content.len() as u64);
            bytes[header + 24..header + 32].copy_from_slice(&start.to_le_bytes());
            bytes[header + 32..header + 40].copy_from_slice(&len.to_le_bytes());
            bytes.extend(content);
        }
        fs::write(path, bytes).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }
}

/// A compressed section: its head (zlib, size, alignment), and the content.
fn pack(content: &[u8]) -> Vec<u8> {
    let mut head = [1u64, content.len() as u64, 1].map(u64::to_le_bytes).concat();
    let mut packed = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    packed.write_all(content).unwrap();
    head.extend(packed.finish().unwrap());
    head
}

fn uleb(mut number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let byte = u8::try_from(number & 0x7f).unwrap();
        number >>= 7;
        if number == 0 {
            bytes.push(byte);
            return bytes;
        }
        bytes.push(byte | 0x80);
    }
}

/// The bytes again and again, up to a length.
fn repeated(begin: &[u8], piece: &[u8]) -> Vec<u8> {
    let many = piece.iter().copied().cycle();
    begin.iter().copied().chain(many).take(SIZE / piece.len() * piece.len()).collect()
}

/// Runs the program, and has it reported.
fn reported(what: &str, path: &Path) {
    let mut command = Command::new(path);
    command.arg("10");
    let target = Target::start(command);
    let begun = Instant::now();
    let pid = target.pid().to_string();
    let args = ["report", "--native", "--format", "json", &pid];
    let Some((output, peak)) = guru_with_peak(&args) else { return };
    let took = begun.elapsed();
    let report: Report = serde_json::from_str(&stdout_of(&output)).unwrap();
    let named = threads(&report).iter().any(|thread| functions(thread).contains(&"main"));
    assert!(named, "{what}: {report:?}");
    assert!(peak <= MAX_PEAK, "{what}: {peak} KiB");
    assert!(took < DEADLINE, "{what}: {took:?}");
    assert!(target.end());
}

#[test]
fn debug_information_that_is_a_bomb_is_left_out_and_told_of() {
    let Some(bomb) = Bomb::of("deep") else { return };
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("bomb");
    let [abbreviations, info, lines, aranges] =
        [".debug_abbrev", ".debug_info", ".debug_line", ".debug_aranges"]
            .map(|name| bomb.section(name));
    // Each with a code, a tag, no children, one attribute.
    let mut many = abbreviations.strip_suffix(&[0]).unwrap().to_vec();
    for code in 1000.. {
        many.extend(uleb(code));
        many.extend(b"\x34\0\x03\x08\0\0");
        if many.len() > SIZE {
            break;
        }
    }
    // One with twenty million attributes.
    let mut long = abbreviations.strip_suffix(&[0]).unwrap().to_vec();
    long.extend(uleb(5000));
    long.extend(b"\x34\0");
    let long = repeated(&long, b"\x03\x08");
    let rows = {
        let length = u32::try_from(SIZE / 2).unwrap().to_le_bytes();
        let program = lines.strip_suffix(&[0, 1, 1]).unwrap_or(&lines);
        [&length[..], &repeated(&program[4..], b"\x14")].concat()
    };
    for (what, packed, sections) in [
        ("many abbreviations", false, vec![(".debug_abbrev", many.as_slice())]),
        ("a long abbreviation", true, vec![(".debug_abbrev", long.as_slice())]),
        (
            "many units",
            false,
            vec![(".debug_info", &repeated(&[], &info)), (".debug_aranges", &[])],
        ),
        ("many units with an index", false, vec![(".debug_info", &repeated(&[], &info))]),
        ("a long index", false, vec![(".debug_aranges", &repeated(&[], &aranges))]),
        ("rows", false, vec![(".debug_line", rows.as_slice())]),
        (
            "packed units",
            true,
            vec![(".debug_info", &repeated(&[], &info)), (".debug_aranges", &[])],
        ),
    ] {
        bomb.write(&path, &sections, packed);
        reported(what, &path);
    }
}

#[test]
fn symbols_without_end_are_reported_in_little_memory() {
    let Some(bomb) = Bomb::of("deep") else { return };
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("bomb");
    let symbols = bomb.section(".symtab");
    let many = [symbols.as_slice(), &repeated(&[], &symbols[symbols.len() - 24..])].concat();
    bomb.write(&path, &[(".symtab", &many)], false);
    reported("symbols", &path);
}

#[test]
fn a_recording_of_empty_texts_is_refused() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("bomb");
    let mut file = fs::File::create(&path).unwrap();
    file.write_all(b"guru evidence 1\n").unwrap();
    let mut packed = flate2::write::GzEncoder::new(file, flate2::Compression::fast());
    // Maps with one key each, and in the last an array without end of pairs of empty texts (RFC 8949).
    packed.write_all(b"\xa1\x68snapshot\xa1\x66target\xa1\x6benvironment\x9f").unwrap();
    let pairs = b"\x82\x60\x60".repeat(1 << 20);
    for _ in 0..100 {
        packed.write_all(&pairs).unwrap();
    }
    packed.finish().unwrap();
    let args = ["report", "--from", path.to_str().unwrap()];
    let Some((output, peak)) = guru_with_peak(&args) else { return };
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), output.stdout.len()), (Some(3), 0), "{said}");
    assert!(said.contains("it needs more than 384 MiB of memory"), "{said}");
    assert!(peak <= 512 << 10, "{peak} KiB");
}

#[test]
fn a_package_with_a_header_of_empty_names_is_left_out_and_told_of() {
    if !rustix::process::geteuid().is_root() {
        return skip_impossible("only root can start a process in another root");
    }
    if !can_make_namespaces() {
        return;
    }
    let Some(program) = Target::program("stacks-static") else { return };
    let place = tempfile::tempdir().unwrap();
    fs::create_dir_all(place.path().join("usr/bin")).unwrap();
    fs::create_dir_all(place.path().join("var/lib/rpm")).unwrap();
    fs::create_dir(place.path().join("proc")).unwrap();
    fs::copy(program, place.path().join("usr/bin/tool")).unwrap();
    let database = place.path().join("var/lib/rpm/rpmdb.sqlite");
    for (size, told) in [(0, false), (7 << 20, true), (31 << 20, true)] {
        let _ = fs::remove_file(&database);
        let script = root("fixtures/packages/rpmdb.py");
        let made =
            Command::new("python3").arg(script).arg(&database).arg(size.to_string()).status();
        assert!(made.unwrap().success());
        let mut command = Command::new("unshare");
        command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").args(["-m", "sh", "-c"]);
        // The program waits until `/proc` shows that its threads stand where they should.
        command.arg("mount -t proc proc \"$0/proc\" && exec chroot \"$0\" /usr/bin/tool");
        command.arg(place.path());
        let target = Target::start(command);
        let pid = target.pid().to_string();
        let Some((output, peak)) = guru_with_peak(&["report", &pid]) else { return };
        let text = stdout_of(&output);
        assert_eq!(text.contains("rpmdb.sqlite: damaged, or too large"), told, "{size}: {text}");
        assert_eq!(text.contains("tool 1:1.2-3.fc40 (rpm)"), !told, "{size}: {text}");
        assert!(peak <= MAX_PEAK, "{size}: {peak} KiB");
        assert!(target.end());
    }
}
