//! Who comes in: the one layer before both doors, and where the account of a request comes from.
//!
//! A request is admitted in one of three ways. A door that is *open* takes everybody for the
//! configured account, as long as no page of a browser is behind it ([`browser`]). A door that is
//! *closed* wants an access key: a signature ([`signature`]) at AWS's doors, the key itself
//! ([`bearer`]) at the REST door; the account is the key's, and what the key allows ([`scope`]) is
//! what the operation needs. And this program's own code says that it is that ([`OwnCall`]), which
//! nothing that comes over a connection can.

mod access;
mod admitted;
mod bearer;
mod browser;
mod canonical;
mod keyring;
mod scope;
mod signature;

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{MatchedPath, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use chrono::{DateTime, Utc};
use runtime::Engine;
use runtime::metrics::METRICS;
use store::AccessKey;

use crate::aws::{self, scheduler};
use crate::body::{self, Allowance, Whole};
use crate::error::{Kind, OperationError};
use crate::operations::{Caller, moment};
use crate::rest::Refusal;
use crate::room::Holder;

pub use access::{Access, Reach};

use access::Gate;
use admitted::Admitted;
use keyring::Keyring;
use scope::Need;
use signature::{Expected, Signature};

/// Marks a request of this process's own code, among its extensions: it is admitted as the
/// configured account, without a key.
#[derive(Clone, Copy, Debug)]
pub struct OwnCall;

/// What the layer needs.
pub(crate) struct Entrance {
    engine: Engine,
    gate: Gate,
    keyring: Keyring,
    bodies: Allowance,
    /// For bodies that have to be read before it is known whose they are.
    strangers: Allowance,
}

impl Entrance {
    pub(crate) fn new(
        engine: Engine,
        access: Access,
        configured: Vec<AccessKey>,
        bodies: Allowance,
    ) -> Arc<Self> {
        let gate = Gate::new(access, &engine);
        let keyring = Keyring::new(configured, &engine);
        let strangers = bodies.for_strangers();
        Arc::new(Self { engine, gate, keyring, bodies, strangers })
    }

    fn now(&self) -> DateTime<Utc> {
        moment(self.engine.now())
    }

    fn region(&self) -> &str {
        &self.engine.options().region
    }

    fn caller(&self, account: &str) -> Caller {
        Caller { account: account.to_owned(), region: self.region().to_owned() }
    }
}

/// Admits a request with its [`Caller`] among its extensions, and the [`Holder`] of what it takes; or
/// answers why not.
pub(crate) async fn authenticate(
    State(entrance): State<Arc<Entrance>>,
    request: Request,
    next: Next,
) -> Response {
    match admit(&entrance, request).await {
        Ok((request, by)) => by.bound(next.run(request).await, entrance),
        Err(refusal) => {
            METRICS.doors.refused_requests.with_label_values(&[refusal.kind.name()]).inc();
            Refusal(refusal).into_response()
        }
    }
}

/// A request with its caller among its extensions, and what it was admitted by.
async fn admit(
    entrance: &Entrance,
    mut request: Request,
) -> Result<(Request, Admitted), OperationError> {
    let asked = Asked::of(&request);
    if request.extensions().get::<OwnCall>().is_some() {
        let caller = entrance.caller(&entrance.engine.options().account);
        request.extensions_mut().insert(caller);
        request.extensions_mut().insert(Holder::Here);
        return Ok((request, Admitted::Anyway));
    }
    if matches!(asked, Asked::Rest(Need::Health)) {
        return Ok((request, Admitted::Anyway));
    }
    if let Some(reach) = entrance.gate.is_open().await? {
        let (mut parts, body) = request.into_parts();
        browser::refuse_foreign(&parts, reach)?;
        let body = browser::refuse_undeclared(&parts.headers, body).await?;
        parts.extensions.insert(entrance.caller(&entrance.engine.options().account));
        return Ok((Request::from_parts(parts, body), Admitted::ByOpenDoor));
    }
    match asked {
        Asked::Rest(Need::Health | Need::Nothing) => {
            let (parts, body) = request.into_parts();
            let body = browser::refuse_undeclared(&parts.headers, body).await?;
            Ok((Request::from_parts(parts, body), Admitted::Anyway))
        }
        Asked::Rest(Need::Scope(needed)) => with_bearer(entrance, request, needed).await,
        Asked::StepFunctions(operation) => {
            let service = Service { name: "states", operation };
            with_signature(entrance, request, service).await
        }
        Asked::Scheduler(action) => {
            let service = Service { name: "scheduler", operation: action.to_owned() };
            with_signature(entrance, request, service).await
        }
    }
}

/// What a request asks for, by the handler that it will reach: nothing else may decide what it
/// needs.
enum Asked {
    Rest(Need),
    StepFunctions(String),
    Scheduler(&'static str),
}

impl Asked {
    fn of(request: &Request) -> Self {
        let (method, path, headers) = (request.method(), request.uri().path(), request.headers());
        match request.extensions().get::<MatchedPath>().map(MatchedPath::as_str) {
            Some("/") if !is_for_people(method, headers) => Self::step_functions(headers),
            Some(route) if scheduler::is_path(route) => {
                Self::Scheduler(scheduler::action(method, route).unwrap_or("Unknown"))
            }
            Some(route) => Self::Rest(scope::of_rest(method, route)),
            None if headers.contains_key(aws::TARGET) => Self::step_functions(headers),
            None if scheduler::is_path(path) => Self::Scheduler("Unknown"),
            None => Self::Rest(scope::of_rest(method, "")),
        }
    }

    /// An operation without a name is refused by the door itself.
    fn step_functions(headers: &HeaderMap) -> Self {
        Self::StepFunctions(aws::operation(headers).unwrap_or_default())
    }
}

/// Whether `/` is asked by somebody who looks what is here, not by a client of AWS.
pub(crate) fn is_for_people(method: &Method, headers: &HeaderMap) -> bool {
    method == Method::GET && !headers.contains_key(aws::TARGET)
}

/// One of AWS's services, and which of its operations is asked for.
struct Service {
    name: &'static str,
    operation: String,
}

async fn with_bearer(
    entrance: &Entrance,
    request: Request,
    needed: store::Scope,
) -> Result<(Request, Admitted), OperationError> {
    let (mut parts, body) = request.into_parts();
    let presented = bearer::of(&parts.headers)?;
    let key = entrance.keyring.find(&presented.id).await?.ok_or_else(bearer::unknown)?;
    bearer::verify(&key, &presented, entrance.now())?;
    if key.scope < needed {
        return Err(scope::insufficient(key.scope, needed));
    }
    let body = browser::refuse_undeclared(&parts.headers, body).await?;
    parts.extensions.insert(entrance.caller(&key.account));
    parts.extensions.insert(Holder::Account(key.account.clone()));
    Ok((Request::from_parts(parts, body), Admitted::ByKey(presented.id)))
}

/// Header, key and time are looked at before the body is read: a stranger's is not.
async fn with_signature(
    entrance: &Entrance,
    request: Request,
    service: Service,
) -> Result<(Request, Admitted), OperationError> {
    let (mut parts, body) = request.into_parts();
    let now = entrance.now();
    let expected = Expected { region: entrance.region(), service: service.name };
    let signature = Signature::of(&parts, expected, now)?;
    let key = entrance.keyring.find(&signature.key_id).await?;
    let key = key.filter(|key| key.revoked_at.is_none() && !signature.has_token);
    let key = key.ok_or_else(signature::unrecognized)?;
    let body = browser::refuse_undeclared(&parts.headers, body).await?;
    let holder = Holder::Account(key.account.clone());
    let body = signed_body(entrance, &parts, body, &signature, &key, &holder).await?;
    if !key.is_good(now) {
        return Err(signature::expired());
    }
    if key.scope < scope::of_operation(service.name, &service.operation) {
        let caller = entrance.caller(&key.account);
        return Err(denied(&service, &key, &caller, &body));
    }
    parts.extensions.insert(entrance.caller(&key.account));
    parts.extensions.insert(holder);
    parts.extensions.insert(Whole(body));
    Ok((Request::from_parts(parts, Body::empty()), Admitted::ByKey(signature.key_id)))
}

/// The body, of which the holder of the key has signed the hash. Where the hash is declared, the
/// signature is verified before the body is read; where it is not, as by most clients for these
/// services, the body takes the room of strangers until it is.
async fn signed_body(
    entrance: &Entrance,
    parts: &Parts,
    body: Body,
    signature: &Signature,
    key: &AccessKey,
    holder: &Holder,
) -> Result<Bytes, OperationError> {
    let secret = key.secret.reveal().as_bytes();
    if let Some(declared) = signature::declared_hash(&parts.headers) {
        signature.verify(parts, declared, secret)?;
        if !key.is_good(entrance.now()) {
            return Err(signature::expired());
        }
        let body = body::read(body, &entrance.bodies, holder).await?;
        if canonical::hash(body.as_ref()) != declared {
            return Err(signature::mismatch());
        }
        return Ok(body.into());
    }
    let stranger = Holder::at_address(&parts.extensions);
    let body = body::read(body, &entrance.strangers, &stranger).await?;
    signature.verify(parts, &canonical::hash(body.as_ref()), secret)?;
    Ok(body.moved(&entrance.bodies, holder).await?.into())
}

/// AWS's words for an operation that a key does not allow, as in
/// FormidableLabs/aws-lambda-serverless-reference#31 and aws-amplify/amplify-hosting#2597; the
/// reason is ours.
fn denied(service: &Service, key: &AccessKey, caller: &Caller, body: &[u8]) -> OperationError {
    let Service { name, operation } = service;
    let needed = scope::of_operation(name, operation);
    let message = format!(
        "User: arn:aws:iam::{account}:user/{id} is not authorized to perform: {name}:{operation} \
         on resource: {resource} because the access key has the scope {has}, and {needed} is \
         needed",
        account = caller.account,
        id = key.id,
        resource = resource(name, caller, body),
        has = key.scope.as_str(),
        needed = needed.as_str(),
    );
    OperationError::new(Kind::AccessDenied, message)
}

/// What a request is about, as far as its members say.
fn resource(service: &str, caller: &Caller, body: &[u8]) -> String {
    let named = serde_json::from_slice::<serde_json::Value>(body).ok().and_then(|body| {
        let names = ["stateMachineArn", "executionArn", "activityArn", "resourceArn"];
        let arn = names.iter().find_map(|name| body.get(name)?.as_str())?;
        (arn.starts_with("arn:") && arn.len() <= 2_048).then(|| arn.to_owned())
    });
    named.unwrap_or_else(|| format!("arn:aws:{service}:{}:{}:*", caller.region, caller.account))
}
