//! The composition root: recover, bind everything, then serve, drain, and store the rest.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clasp_auth::Authenticator;
use clasp_auth::cpsk::Secret;
use clasp_router::{Ports, Router};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::access::Access;
use crate::app::App;
use crate::descriptors;
use crate::doors::{self, Context, Door, Herald, Mqtt};
use crate::healthcheck::Target;
use crate::options::Options;
use crate::reload::{self, Reloader, Reloads};
use crate::service::{self, Probe, READY};
use crate::settings;
use crate::storage::{Saver, Status, Storage};
use crate::tls::{Encryption, Renewal};

/// A relay whose listeners are bound and which serves nobody yet.
#[derive(Debug)]
pub struct Relay {
    clients: Vec<Door>,
    pages: Vec<Door>,
    heralds: Heralds,
    saver: Option<Saver>,
    renewal: Option<Renewal>,
    ready: Arc<AtomicBool>,
    reloads: Reloads,
    probe: Option<Probe>,
    router: Arc<Router>,
    mqtt: Option<Mqtt>,
    drain: watch::Sender<bool>,
    close: watch::Sender<bool>,
}

/// What makes it known to strangers.
struct Heralds(Vec<Herald>);

impl std::fmt::Debug for Heralds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Heralds").field(&self.0.len()).finish()
    }
}

/// Why a relay did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A listener's address is taken, forbidden or absent.
    #[error("cannot listen on {address} for {door}: {source}; {}", advice(source, flag))]
    Bind {
        /// What would have listened.
        door: &'static str,
        /// The address asked for.
        address: SocketAddr,
        /// The option that chooses the port.
        flag: &'static str,
        /// The system's answer.
        source: io::Error,
    },
    /// A socket of the service manager cannot be worked with.
    #[error("cannot listen for {door} on the socket that the service manager passed: {source}")]
    Adopt {
        /// What would have listened.
        door: &'static str,
        /// The system's answer.
        source: io::Error,
    },
    /// The service manager passed a socket that no option asks for.
    #[error(
        "the service manager passed a socket named {name}, which no option asks for; \
         give --{name}-port, whatever number, or take the socket out of the unit"
    )]
    Unwanted {
        /// Its name.
        name: String,
    },
    /// The host's name has no address.
    #[error("cannot resolve --host {host}: {source}; give an IP address or a name of this machine")]
    Resolve {
        /// The name asked for.
        host: String,
        /// The resolver's answer.
        source: io::Error,
    },
    /// The options ask for something that was not compiled in.
    #[error(
        "{wish} needs the feature `{feature}`, which this build lacks; \
         build it with: cargo build --release --features {feature}"
    )]
    Absent {
        /// The option, or what its default asks for.
        wish: &'static str,
        /// The missing cargo feature.
        feature: &'static str,
    },
    /// The app config cannot be read or used; the text names the file, the place and the way out.
    #[error("{0}")]
    App(String),
    /// A file of the journal or the state cannot be had or read; the text names it and the way out.
    #[error("{0}")]
    Storage(String),
    /// Certificate or key cannot be had or used; the text names the file and the way out.
    #[error("{0}")]
    Tls(String),
    /// The relay cannot be made known as asked; the text names the option and the way out.
    #[error("{0}")]
    Discovery(String),
    /// The system refuses to pass a signal on.
    #[error("cannot listen for SIGHUP: {0}")]
    Signal(io::Error),
    /// A file of accounts or tokens cannot be had or read; the text names it and the way out.
    #[error("{0}")]
    Access(String),
    /// What signed tokens are held against cannot be had; the text names the file and the way out.
    #[error("{0}")]
    Tokens(String),
    /// Rules or sessions of MQTT cannot be had; the text names the file and the way out.
    #[error("{0}")]
    Mqtt(String),
    /// The settings of OSC cannot be had or used; the text names the file, the line, the way out.
    #[error("{0}")]
    Osc(String),
    /// The options leave no way for a client to connect.
    #[error(
        "no protocol is left to serve clients with; \
         leave out --no-websocket, or give --mqtt-port, --osc-port, --quic-port \
         or --tcp-port"
    )]
    NoDoor,
}

/// What helps against a failed bind.
fn advice(error: &io::Error, flag: &str) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            format!("another program listens there: stop it or choose another port with {flag}")
        }
        io::ErrorKind::PermissionDenied => {
            format!("choose a port above 1023 with {flag} or give the process the right to bind it")
        }
        io::ErrorKind::AddrNotAvailable => {
            "choose an address of this machine with --host".to_string()
        }
        _ => format!("check --host and {flag}"),
    }
}

/// Why a relay stopped without being told to.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// A listener's task ended or crashed; its name, if it can be told.
    #[error("{0} ended unexpectedly; the relay stops")]
    DoorEnded(&'static str),
    /// The last state or the last journal entries did not reach the disk.
    #[error("not everything was stored: {0}")]
    NotStored(String),
}

impl Relay {
    /// Recovers what was kept, then binds every listener that the options ask for. Must be called
    /// inside a runtime.
    ///
    /// # Errors
    /// The first file or listener that cannot be had; nothing stays bound then.
    pub async fn build(options: &Options) -> Result<Self, StartError> {
        introduce(options);
        descriptors::raise_limit(options.sessions.max_sessions as usize);
        let ready = Arc::new(AtomicBool::new(false));
        let (drain, draining) = watch::channel(false);
        let (close, closing) = watch::channel(false);
        let encryption = Encryption::open(&options.tls)?;
        let app = App::open(&options.app)?;
        let storage = Storage::open(&options.storage).await?;
        let access = Access::open(options, app.as_ref()).await?;
        let ports = ports(&storage, access.authenticator, app.as_ref());
        let router = Router::new(settings::router(options, app.as_ref()), ports)
            .expect("no option names a pattern");
        let mut reloads = reloads(options, &encryption, access.reloaders)?;
        let renewal = encryption.renewal();
        if let Some(app) = app {
            let router = Arc::clone(&router);
            reloads.add(Arc::new(move || app.reload(&router)));
        }
        let storage = storage.recover(&router).await?;
        let kept = (storage.keep.is_some(), storage.save_every.is_some());
        let status = Arc::new(Status::new(Arc::clone(&router), kept));
        let saver = Saver::new(storage, Arc::clone(&router), Arc::clone(&status));
        let mqtt = doors::open_mqtt(options, &router).await?;
        let context =
            Context::new(Arc::clone(&router), (Arc::clone(&ready), status), draining, closing)
                .encrypted(encryption)
                .speaking(mqtt.clone());

        let mut clients = Vec::new();
        let mut desk = access.desk;
        let single = options.listen.single_port;
        let mut probe = None;
        if !options.listen.no_websocket {
            let guest = if single { desk.take() } else { None };
            let door = doors::websocket(options, guest, &context).await?;
            let target = Target::of_clients(options, door.address);
            probe = Some(Probe { router: Arc::clone(&router), target });
            clients.push(door);
        }
        clients.extend(doors::mqtt(options, &context).await?);
        clients.extend(further(options, access.osc, &context).await?);
        if clients.is_empty() {
            return Err(StartError::NoDoor);
        }
        let pages = pages(options, desk, (&clients, &context)).await?;
        let left = options.listen.inherited.left();
        if let Some(name) = left.first() {
            return Err(StartError::Unwanted { name: name.clone() });
        }
        let all: Vec<&Door> = clients.iter().chain(&pages).collect();
        let heralds = Heralds(doors::heralds(options, &all, &context).await?);
        Ok(Self {
            clients,
            pages,
            heralds,
            saver,
            renewal,
            reloads,
            probe,
            router,
            mqtt,
            ready,
            drain,
            close,
        })
    }

    /// The bound addresses, by the listener's name.
    pub fn addresses(&self) -> impl Iterator<Item = (&'static str, SocketAddr)> {
        self.clients.iter().chain(&self.pages).map(|door| (door.name, door.address))
    }

    /// Serves until `stop` resolves, then drains: readiness off, no new connections, Close 1001 to
    /// every session. Done when the last is gone, or when the doors' drain timeout is over, and
    /// everything is stored.
    ///
    /// # Errors
    /// A listener ended on its own, or not everything could be stored.
    pub async fn run<T>(self, stop: impl Future<Output = T>) -> Result<(), RunError> {
        let mut clients = spawn(self.clients);
        let mut pages = spawn(self.pages);
        let mut renewing = JoinSet::new();
        renewing.spawn(doors::keep_time(self.router));
        let mut tended = JoinSet::new();
        if let Some(mqtt) = self.mqtt {
            tended.spawn(doors::tend_mqtt(mqtt, self.close.subscribe()));
        }
        if let Some(renewal) = self.renewal {
            renewing.spawn(renewal.run());
        }
        if let Some(probe) = self.probe {
            renewing.spawn(probe.watch());
        }
        let mut heralds = JoinSet::new();
        for herald in self.heralds.0 {
            heralds.spawn(herald);
        }
        let ready = Arc::clone(&self.ready);
        let begun = move || {
            ready.store(true, Ordering::Release);
            tracing::info!("ready, accepting connections");
            service::ready(READY);
        };
        let saver = match self.saver {
            Some(saver) => {
                let (draining, closing) = (self.drain.subscribe(), self.close.subscribe());
                Some(tokio::spawn(saver.run(draining, closing, begun)))
            }
            None => {
                begun();
                None
            }
        };

        let stopped = tokio::select! {
            guard = stop => Ok(guard),
            name = first_end(&mut clients) => Err(RunError::DoorEnded(name)),
            name = first_end(&mut pages) => Err(RunError::DoorEnded(name)),
            never = self.reloads.serve() => match never {},
        };
        self.drain.send_replace(true);
        tracing::info!("draining");
        service::stopping("waiting for clients to leave");
        while clients.join_next().await.is_some() {}
        while heralds.join_next().await.is_some() {}
        self.close.send_replace(true);
        service::status("storing what is left");
        while pages.join_next().await.is_some() {}
        while tended.join_next().await.is_some() {}
        let stored = match saver {
            Some(saver) => saver.await.unwrap_or_else(|crash| Err(crash.to_string())),
            None => Ok(()),
        };
        tracing::info!("stopped");
        stopped.map(drop).and(stored.map_err(RunError::NotStored))
    }
}

/// What SIGHUP reads again, but for the application's rules.
fn reloads(
    options: &Options,
    encryption: &Encryption,
    reloaders: Vec<Reloader>,
) -> Result<Reloads, StartError> {
    let mut reloads = Reloads::listen().map_err(StartError::Signal)?;
    if options.config.file.is_some() {
        reloads.add(reload::config(options.config.file.clone()));
    }
    if let Some(reload) = encryption.reloader() {
        reloads.add(Arc::new(reload));
    }
    reloaders.into_iter().for_each(|reload| reloads.add(reload));
    Ok(reloads)
}

/// Binds the listeners of clients that come otherwise than by WebSocket.
async fn further(
    options: &Options,
    osc: Option<Secret>,
    context: &Context,
) -> Result<Vec<Door>, StartError> {
    let mut clients = Vec::new();
    if let Some(port) = options.osc.osc_port {
        clients.push(doors::osc((options, port), osc, context).await?);
    }
    if let Some(port) = options.quic.quic_port {
        clients.push(doors::quic(options, port, context).await?);
    }
    if let Some(port) = options.tcp.tcp_port {
        clients.push(doors::tcp(options, port, context).await?);
    }
    Ok(clients)
}

/// The listeners for everybody but CLASP's own clients.
async fn pages(
    options: &Options,
    desk: Option<doors::Desk>,
    (clients, context): (&[Door], &Context),
) -> Result<Vec<Door>, StartError> {
    let single = options.listen.single_port;
    let mut pages = Vec::new();
    if let (Some(port), Some(desk)) = (options.auth.auth_port, desk) {
        pages.push(doors::auth((options, port), desk, context).await?);
    }
    if let Some(port) = options.operation.health_port.filter(|_| !single) {
        pages.push(doors::health(options, port, context).await?);
    }
    if let Some(port) = options.operation.metrics_port.filter(|_| !single) {
        pages.push(doors::metrics(options, port, context).await?);
    }
    if let Some(port) = options.oscquery.oscquery_port {
        pages.push(doors::oscquery((options, port), clients, context).await?);
    }
    if let Some(port) = options.rendezvous.rendezvous_port.port() {
        pages.push(doors::rendezvous(options, port, context).await?);
    }
    Ok(pages)
}

/// What the router works with.
fn ports(storage: &Storage, authenticator: Arc<dyn Authenticator>, app: Option<&App>) -> Ports {
    let journal = storage.journal.clone();
    let mut ports = Ports { journal, authenticator, ..Ports::default() };
    if let Some(app) = app {
        ports.policy = Arc::clone(app.policy()) as _;
    }
    ports
}

/// The doors' tasks; each results in its door's name.
fn spawn(doors: Vec<Door>) -> JoinSet<&'static str> {
    let mut tasks = JoinSet::new();
    for door in doors {
        tasks.spawn(async move {
            door.serve.await;
            door.name
        });
    }
    tasks
}

/// Waits for the first task to end; for ever if there is none.
async fn first_end(tasks: &mut JoinSet<&'static str>) -> &'static str {
    match tasks.join_next().await {
        Some(Ok(name)) => name,
        // The panic itself is on standard error.
        Some(Err(_)) => "a listener",
        None => std::future::pending().await,
    }
}

/// The first lines of the log: who this is and what it was told.
fn introduce(options: &Options) {
    let Options { listen, sessions, state, ignored, .. } = options;
    tracing::info!("clasp-relay {}, called {:?}", env!("CARGO_PKG_VERSION"), listen.name);
    tracing::debug!("{options:?}");
    if let Some(list) = &ignored.features {
        tracing::warn!("--features {list} is an option of cargo build, ignored here");
    }
    if ignored.program {
        tracing::warn!("the argument clasp-relay repeats the program's name, ignored");
    }
    if let Some(file) = &options.config.file {
        let (count, path) = (file.entries.len(), file.path.display());
        tracing::info!("options: {count} from {path}; --print-config tells which hold");
    }
    let or_no_limit = |count: u32| match count {
        0 => "any number".to_string(),
        count => format!("at most {count}"),
    };
    let after = |seconds: u32| match seconds {
        0 => "never".to_string(),
        seconds => format!("after {seconds} s"),
    };
    let (most, timeout) = (or_no_limit(sessions.max_sessions), after(sessions.session_timeout));
    tracing::info!("sessions: {most}, closed for silence {timeout}");
    let ttl = if state.no_ttl { 0 } else { state.param_ttl };
    tracing::info!("params: {}, forgotten {}", or_no_limit(state.max_params), after(ttl));
}
