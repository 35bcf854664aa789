//! The end of the report: machine, versions, how it was measured, the command.

use std::fmt::Write;

use super::Report;

/// What is the same for every run.
const METHOD: &str = "\
- Servers and load generator run on one machine and talk over the loopback. Each load gets a
  fresh server, started with its defaults but for the port, limits on the number of sessions,
  which are lifted, mosquitto's log, which is off, and the room for params of the relay's MQTT
  door, 101,000, since there every topic is one.
  Rounds go through all loads, loads through all servers, each round beginning with another.
- The generator is one thread with one epoll. Messages are encoded beforehand; WebSocket frames
  carry a real mask. A value begins with a sequence number of eight bytes, and every subscriber
  must get every number once and in order: a run with a lost, doubled or reordered copy counts as
  failed.
- Closed loop: each publisher keeps a window of messages that wait for their last copy: 64, or 16
  towards 1,000 subscribers. In pairs each of the 100 publishers has a window of 64.
- Server CPU is the process's CPU clock (user and system time of all its threads, nanoseconds)
  over the measured time, divided by the copies delivered in it. The system time holds the
  network stack's work for the server's side of each connection.
- Latency: messages go out on a schedule, and each copy's latency counts from the time its
  message was due, whether or not it could be sent then. Nothing is left out for lateness.
- Sessions are opened one after another: connect, upgrade where there is one, greeting,
  subscription to a topic of its own and ping in one write, then the answer to the ping. A
  WebSocket needs two round trips for that, plain MQTT and NATS one. Memory is the growth of the
  server's resident set from before the first session, divided by their number; the kernel's
  socket buffers are no part of it.
- SETs that nobody listens to come from 20 sessions, each with a ping behind every 100 SETs; their
  figures are taken when every address has been set once.
- The late joiner is timed from its connect to the moment when it has seen every param. MQTT has
  retained messages for that. Meanwhile 1 → 10 goes on at 2,000 messages/s: its p99
  during sixty joins stands beside its p99 in stretches between them, each as long as the join
  before it: once as the median of sixty such p99s, once as the p99 of all copies in them. The
  latter is decided by a few stretches in which the machine was busy with something else.
- A stalled subscriber has a receive buffer of 4 KiB and never reads; the other 99 are counted.
- uWebSockets is the floor: Bun's built-in server (its HTTP and WebSocket engine is uWebSockets)
  hands every frame on without looking at it. It carries the same bytes as CLASP. NATS is used
  without JetStream, MQTT with QoS 0.
";

/// What has to be there before the first run.
const PREPARATION: &str = "\
apt-get install nats-server mosquitto
npm install --prefix bench/uws-broadcast
cargo build --release --locked
cargo build --release --locked --manifest-path interop/Cargo.toml -p reference-relay
";

/// The last sections of the page.
pub(super) fn text(report: &Report<'_>) -> String {
    let machine = &report.machine;
    let plan = report.plan;
    let mut text = format!(
        "\n## Machine and versions\n\n- {}, {} GiB of memory\n- {}\n- load average when the run \
         began: {:.2}\n",
        machine.processor, machine.memory_gib, machine.system, machine.load_at_start
    );
    for peer in &plan.peers {
        let _ = writeln!(text, "- {}", peer.version);
    }
    let seconds = |duration: std::time::Duration| duration.as_secs_f64();
    let cores = match plan.cores {
        Some(_) => {
            "The generator has the last core to itself and never sleeps; the servers have \
                    the other cores."
        }
        None => "Generator and servers share all cores.",
    };
    let _ = write!(
        text,
        "\n## Method\n\n{METHOD}- {cores}\n- Loads run {:.1} s unmeasured, then {:.1} s measured \
         ({:.1} s for latency); idle sessions\n  rest {:.1} s.\n",
        seconds(plan.timing.warm),
        seconds(plan.timing.measured),
        seconds(plan.timing.measured_latency),
        seconds(plan.timing.rest),
    );
    let _ = write!(text, "\n## Again\n\nOnce:\n\n```sh\n{PREPARATION}```\n");
    let _ = write!(text, "\nThen:\n\n```sh\n{}\n```\n", command());
    text
}

/// The command line that made this run, from the root of the repository.
fn command() -> String {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    format!(
        "cargo run --release --manifest-path bench/Cargo.toml -p clasp-bench -- {}",
        arguments.join(" ")
    )
}
