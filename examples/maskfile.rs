fn main() {
    let bytes = std::fs::read(std::env::args().nth(1).unwrap()).unwrap();
    use std::io::Write;
    std::io::stdout().write_all(&guru::mask::mask_config_text(&bytes)).unwrap();
}
