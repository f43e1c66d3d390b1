//! The services that guru is tried on start, and report on themselves, so that there is something to
//! compare with.

use crate::support::Service;
use std::net::TcpStream;

#[test]
fn a_service_answers_sigusr2_with_a_whole_report() {
    for name in ["panko", "mini", "mini-threads", "nova-conductor", "nova-scheduler"] {
        let Some(service) = Service::start(name) else { continue };
        let report = service.own_report();
        for section in ["Package", "Threads", "Green Threads", "Processes", "Configuration"] {
            assert!(report.contains(&format!(" {section} ")), "{name}: {section}: {report}");
        }
        assert!(report.ends_with('\n'));
    }
}

#[test]
fn panko_listens_where_it_is_told_to() {
    let Some(service) = Service::start("panko") else { return };
    assert!(TcpStream::connect(("127.0.0.1", service.port)).is_ok());
}
