//! The auth server: accounts and tokens on a port of their own (relay.md 9 and 10).

mod tokens_file;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clasp_app::AppPolicy;
use clasp_auth::accounts::{AccountConfig, Accounts, Quotas};
use clasp_auth::store::{AccountStore, TokenStore};
use clasp_auth::tokens::{TokenLimits, Tokens};
use clasp_auth::{
    AdminToken, Chain, Entitlements, EntityLeases, FixedEntitlements, Scopes, Verifier,
};
use clasp_http::about::{self, About};
use clasp_http::api::{Api, Section};
use clasp_http::bearer::Access as Bearer;
use clasp_http::entities::{self, Registry};
use clasp_http::origins::Origins;
use clasp_http::site::Router;
use clasp_http::{Entrance, accounts, clock, journal, sessions};
use clasp_storage::AuthDatabase;
use tokio::task::JoinSet;

use super::tokens::Tokens as SignedTokens;
use super::{Context, Door, secrets};
use crate::access::Access;
use crate::app::App;
use crate::options::{AuthOptions, Options, below};
use crate::relay::StartError;
use crate::reload::Reloader;
use crate::storage::blocking;

/// Time between two looks for tokens whose time is over.
const SWEEP: Duration = Duration::from_secs(60);

/// What the auth server is made of before it has a port.
pub(crate) struct Desk {
    accounts: Arc<Accounts>,
    bearer: Arc<Bearer>,
    signed: Arc<SignedTokens>,
    registry: Registry,
}

impl fmt::Debug for Desk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Desk").field("accounts", &self.accounts).finish_non_exhaustive()
    }
}

/// Opens the accounts and whatever else tokens come from.
pub(crate) async fn access(options: &Options, app: Option<&App>) -> Result<Access, StartError> {
    let signed = SignedTokens::open(&options.tokens, options.storage.data_dir.as_deref()).await?;
    let (options, app) = (options.clone(), app.cloned());
    blocking(move || open(&options, app.as_ref(), signed)).await?
}

fn open(options: &Options, app: Option<&App>, signed: SignedTokens) -> Result<Access, StartError> {
    let auth = &options.auth;
    let database = database(options)?;
    let (users, store): (Arc<dyn AccountStore>, Arc<dyn TokenStore>) =
        (Arc::clone(&database) as _, database);
    let now_unix_s = clock::now().unix_s();
    let tokens = Tokens::open(store, TokenLimits::default(), now_unix_s)
        .map_err(|error| StartError::Access(error.to_string()))?;
    let tokens = Arc::new(tokens);
    let data_dir = options.storage.data_dir.as_deref();
    let insecure = options.tls.insecure_permissions;
    if let Some(path) = &auth.tokens_file {
        let path = below(data_dir, path);
        let listed = tokens_file::read(&path, insecure)?;
        tracing::info!("tokens: {} from {}", listed.len(), path.display());
        tokens.add_listed(listed);
    }
    let mut verifiers: Vec<Arc<dyn Verifier>> = Vec::new();
    let mut reloaders: Vec<Reloader> = Vec::new();
    if let Some(path) = &auth.admin_token {
        let path = below(data_dir, path);
        let admin = Arc::new(admin_token(&path, insecure)?);
        verifiers.push(Arc::clone(&admin) as _);
        reloaders.push(Arc::new(move || renew_admin_token(&admin, &path, insecure)));
    }
    let leases = signed.registry().entities.map(|entities| {
        let ttl_s = auth.token_ttl.0;
        Arc::new(EntityLeases::new(Arc::clone(&tokens), entities, ttl_s))
    });
    verifiers.extend(leases.iter().map(|leases| Arc::clone(leases) as _));
    verifiers.push(Arc::clone(&tokens) as _);
    verifiers.extend(signed.verifiers());
    let signed = Arc::new(signed);
    if options.tokens.cap_revoked.is_some() {
        let signed = Arc::clone(&signed);
        reloaders.push(Arc::new(move || signed.reload()));
    }
    if options.tokens.jwt.has_keys() {
        let signed = Arc::clone(&signed);
        reloaders.push(Arc::new(move || signed.reload_keys()));
    }
    let chain = Arc::new(Chain::new(verifiers, auth.anonymous_scopes.clone()));
    let quotas = quotas(app);
    let config =
        AccountConfig { token_ttl_s: auth.token_ttl.0, quotas, ..AccountConfig::default() };
    let entitlements = entitlements(auth, app);
    tell(auth, app);
    let accounts = Arc::new(Accounts::new(users, tokens, entitlements, config));
    let registry = Registry { leases, accounts: Some(Arc::clone(&accounts)), ..signed.registry() };
    let bearer = Bearer::new(Arc::clone(&chain) as _, quotas.bearer);
    let desk = Desk { accounts, bearer: Arc::new(bearer), signed, registry };
    Ok(Access { authenticator: chain, desk: Some(desk), reloaders })
}

fn database(options: &Options) -> Result<Arc<AuthDatabase>, StartError> {
    let place = options.auth.place(&options.storage);
    if let Some(stray) = AuthOptions::stray(&place) {
        tracing::warn!(
            "accounts: there is a {stray} in the working directory, which is not used; move it to \
             {} or name it with --auth-db",
            place.path.display()
        );
    }
    secrets::make_parents(&place.path)?;
    let database = AuthDatabase::open(&place.path);
    let database = database.map_err(|error| StartError::Access(format!("{error} (--auth-db)")))?;
    let shown = std::path::absolute(&place.path).unwrap_or(place.path);
    tracing::info!("accounts: {}, {}", shown.display(), place.reason);
    if !database.has_log() {
        tracing::warn!(
            "accounts: this file system cannot hold a write-ahead log; it works without"
        );
    }
    Ok(Arc::new(database))
}

fn admin_token(path: &std::path::Path, insecure: bool) -> Result<AdminToken, StartError> {
    let text = secrets::read_or_make(path, insecure)?;
    AdminToken::new(&text)
        .map_err(|error| StartError::Access(format!("{}: {error} (--admin-token)", path.display())))
}

/// Reads the operator's token again. The old one is good no more once there is a new one.
fn renew_admin_token(
    admin: &AdminToken,
    path: &std::path::Path,
    insecure: bool,
) -> Result<String, String> {
    let text = secrets::token(path, insecure).map_err(|error| error.to_string());
    let replaced = text.and_then(|text| {
        admin.replace(&text).map_err(|error| format!("{}: {error}", path.display()))
    });
    replaced.map_err(|error| format!("admin token: {error}; the one in force stays in force"))?;
    Ok(format!("admin token: {} was read again", path.display()))
}

/// What users and guests get: what the application says, or else the operator.
fn entitlements(auth: &AuthOptions, app: Option<&App>) -> Arc<dyn Entitlements> {
    let fixed =
        FixedEntitlements { users: auth.user_scopes.clone(), guests: auth.guest_scopes.clone() };
    match app {
        Some(app) => Arc::new(AppEntitlements { policy: Arc::clone(app.policy()), fixed }),
        None => Arc::new(fixed),
    }
}

/// Scopes from the templates of the app config in force.
struct AppEntitlements {
    policy: Arc<AppPolicy>,
    /// For configs without templates.
    fixed: FixedEntitlements,
}

impl AppEntitlements {
    fn filled(&self, id: &str) -> Option<Scopes> {
        // An id that no template can be filled with gets nothing.
        self.policy.config().scopes_of(id).unwrap_or_else(|_| Some(Scopes::default()))
    }
}

impl Entitlements for AppEntitlements {
    fn user(&self, id: &str) -> Scopes {
        self.filled(id).unwrap_or_else(|| self.fixed.user(id))
    }

    fn guest(&self, id: &str) -> Scopes {
        self.filled(id).unwrap_or_else(|| self.fixed.guest(id))
    }
}

/// How often who may try what.
fn quotas(app: Option<&App>) -> Quotas {
    let usual = Quotas::default();
    let Some(app) = app else { return usual };
    let asked = *app.policy().config().quotas();
    Quotas {
        login: asked.login,
        register: asked.register,
        guest: asked.guest.unwrap_or(asked.register),
        ..usual
    }
}

/// The lines of the log that say who may do what.
fn tell(auth: &AuthOptions, app: Option<&App>) {
    let or_nothing = |scopes: &clasp_auth::Scopes| match scopes.to_string() {
        text if text.is_empty() => "nothing".to_owned(),
        text => text,
    };
    let by_app = app.is_some_and(|app| matches!(app.policy().config().scopes_of("u"), Ok(Some(_))));
    let (users, guests) = match by_app {
        true => ("as the app config says".to_owned(), "as the app config says".to_owned()),
        false => (or_nothing(&auth.user_scopes), or_nothing(&auth.guest_scopes)),
    };
    let others = match &auth.anonymous_scopes {
        Some(scopes) => format!("clients without a token may {}", or_nothing(scopes)),
        None => "clients without a token are refused".to_owned(),
    };
    tracing::info!("access: by token; users may {users}; guests may {guests}; {others}");
    if auth.admin_token.is_none() {
        tracing::info!("access: no admin token, so nobody may administer; see --admin-token");
    }
}

/// Binds the auth server.
pub(crate) async fn auth(
    (options, port): (&Options, u16),
    desk: Desk,
    context: &Context,
) -> Result<Door, StartError> {
    let (listener, address) = options.listen.bind("auth", port, "--auth-port").await?;
    let scheme = context.encryption.scheme("http", "https");
    tracing::info!("auth: {scheme}://{address}/auth/login");
    let closing = context.closing.clone();
    let (pages, chores) = pages(options, desk, (context, Vec::new()));
    let entrance =
        Entrance { acceptor: context.encryption.acceptor(), proxies: options.gate.proxies() };
    let serve = Box::pin(async move {
        let mut running = JoinSet::new();
        running.spawn(chores);
        clasp_http::serve_with(entrance, listener, pages, closing).await;
        running.shutdown().await;
    });
    Ok(Door { name: "auth", address, serve })
}

/// The pages, with further ones, and what has to run beside them.
pub(crate) fn pages(
    options: &Options,
    desk: Desk,
    (context, further): (&Context, Vec<Section>),
) -> (Router, impl Future<Output = ()> + Send + 'static) {
    let auth = &options.auth;
    let origins: Origins = auth.cors_origins.iter().map(String::as_str).collect();
    let api = Api { access: desk.bearer, origins, proxies: options.gate.proxies() };
    let mut sections = sections(options, (&desk.accounts, desk.registry), context);
    sections.extend(further);
    let pages = api.pages(sections, context.readiness());
    let chores = async move {
        tokio::join!(sweep(desk.accounts), desk.signed.refresh());
    };
    (pages, chores)
}

/// What the auth port offers. Further sections join here.
fn sections(
    options: &Options,
    (accounts, registry): (&Arc<Accounts>, Registry),
    context: &Context,
) -> Vec<Section> {
    let about = About {
        name: options.listen.name.clone(),
        version: env!("CARGO_PKG_VERSION"),
        features: super::features(),
        started: Instant::now(),
    };
    let router = &context.router;
    let counted = Arc::clone(router);
    vec![
        accounts::section(Arc::clone(accounts)),
        about::section(about, move || counted.session_count() as u64),
        entities::section(registry),
        journal::section(Arc::clone(router), clasp_transport::clock::now),
        sessions::section(Arc::clone(router)),
    ]
}

async fn sweep(accounts: Arc<Accounts>) {
    let mut ticks = tokio::time::interval(SWEEP);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let accounts = Arc::clone(&accounts);
        let swept = tokio::task::spawn_blocking(move || accounts.sweep(clock::now())).await;
        match swept {
            Ok(Ok(0)) => {}
            Ok(Ok(count)) => tracing::debug!("{count} expired tokens are forgotten"),
            Ok(Err(error)) => tracing::warn!("cannot forget expired tokens: {error}"),
            Err(crash) => tracing::error!(%crash, "forgetting expired tokens crashed"),
        }
    }
}
