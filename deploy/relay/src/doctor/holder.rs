//! Which process listens at a port, as far as this user may see (Linux).

use std::fs;

/// A process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Holder {
    pub(super) name: String,
    pub(super) id: u32,
}

/// Who listens at a port of `tcp` or `udp`; `None` if that cannot be seen.
pub(super) fn of(protocol: &str, port: u16) -> Option<Holder> {
    let tables = [format!("/proc/net/{protocol}"), format!("/proc/net/{protocol}6")];
    let inodes: Vec<String> = tables
        .iter()
        .filter_map(|table| fs::read_to_string(table).ok())
        .flat_map(|table| listeners(&table, port, listening(protocol)))
        .collect();
    let processes = fs::read_dir("/proc").ok()?.flatten();
    processes
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .find(|id| holds(*id, &inodes))
        .map(|id| {
            let name = fs::read_to_string(format!("/proc/{id}/comm")).unwrap_or_default();
            Holder { name: name.trim().to_owned(), id }
        })
}

/// How a table writes the state of a socket that takes what comes: that of UDP is never more than
/// unconnected.
fn listening(protocol: &str) -> &'static str {
    if protocol == "tcp" { "0A" } else { "07" }
}

/// The inodes of the sockets that listen at a port.
fn listeners(table: &str, port: u16, listening: &str) -> Vec<String> {
    let suffix = format!(":{port:04X}");
    let rows = table.lines().skip(1).map(|row| row.split_whitespace().collect::<Vec<_>>());
    rows.filter(|row| row.len() > 9 && row[1].ends_with(&suffix) && row[3] == listening)
        .map(|row| format!("socket:[{}]", row[9]))
        .collect()
}

fn holds(id: u32, sockets: &[String]) -> bool {
    let Ok(descriptors) = fs::read_dir(format!("/proc/{id}/fd")) else { return false };
    descriptors.flatten().any(|entry| {
        let target = fs::read_link(entry.path()).unwrap_or_default();
        sockets.iter().any(|socket| target.as_os_str() == socket.as_str())
    })
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;

    #[test]
    fn a_listener_of_this_process_is_found() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let tcp = of("tcp", listener.local_addr().unwrap().port());
        let udp = of("udp", socket.local_addr().unwrap().port());
        for holder in [tcp, udp] {
            assert_eq!(holder.unwrap().id, std::process::id());
        }
    }
}
