//! The `OpenAPI` document of the REST door: what the handlers say of themselves, and what is
//! true of them all.

use std::sync::LazyLock;

use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::{Operation, ParameterIn, PathItem};
use utoipa::openapi::request_body::RequestBody;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::openapi::{ContentBuilder, OneOf, Ref, RefOr, Required, ResponseBuilder};
use utoipa::{Modify, OpenApi};

use crate::live;
use crate::operations::functions::MAX_HEADERS;
use crate::operations::tags::MAX_TAGS;

use super::problem::{PROBLEM_JSON_TEXT, Problem};
use super::security::Keys;
use super::{
    activities, executions, functions, schedule_groups, schedules, security, state_machines, tags,
    tasks, validate, versions,
};

static DOCUMENT: LazyLock<utoipa::openapi::OpenApi> = LazyLock::new(Document::openapi);

/// The document, made once.
pub(crate) fn document() -> &'static utoipa::openapi::OpenApi {
    &DOCUMENT
}

/// Refusals that any operation may answer with.
const ANY: [(u16, &str); 6] = [
    (400, "the request is not as it should be: `ValidationException`"),
    (403, "a page of another site asks, and no key is needed: `AccessDeniedException`"),
    (415, "there is a body that is not declared as JSON: `UnsupportedMediaTypeException`"),
    (421, "the host is not this server's, and no key is needed: `MisdirectedRequestException`"),
    (500, "a fault of the server's, told in its log: `InternalFailure`"),
    (503, "nothing was done or it is not known; try again: `ServiceUnavailable`"),
];

/// Refusals of whoever needs an access key.
const ANY_WITH_KEY: [(u16, &str); 2] = [
    (
        401,
        "there is no access key, `MissingAuthenticationTokenException`; none that is known, \
         `UnrecognizedClientException`; or it is good no more, `ExpiredTokenException`",
    ),
    (403, "the access key does not allow this: `AccessDeniedException`"),
];

/// Refusals of any body.
const ANY_BODY: [(u16, &str); 2] = [
    (400, "the body is no JSON or not as it should be: `SerializationException`"),
    (413, "the body is too long or did not arrive in time: `RequestTooLargeException`"),
];

/// Refusals of any page token.
const ANY_PAGE: [(u16, &str); 1] =
    [(400, "the page token is of another listing, or older than a day: `InvalidToken`")];

/// Members that hold texts by name, and how many: what the derivation of schemas has no word for.
const MOST_TEXTS: [(&str, &str, usize); 5] = [
    ("Function", "headers", MAX_HEADERS),
    ("NewFunction", "headers", MAX_HEADERS),
    ("NewActivity", "tags", MAX_TAGS),
    ("NewStateMachine", "tags", MAX_TAGS),
    ("Tags", "tags", MAX_TAGS),
];

/// Puts in what is true of all operations.
struct Common;

impl Modify for Common {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        for (path, item) in &mut document.paths.paths {
            for operation in operations(item) {
                complete(path, operation);
            }
        }
        let mut schemas = document.components.iter_mut().map(|it| &mut it.schemas);
        let Some(schemas) = schemas.next() else { return };
        for (schema, member, most) in MOST_TEXTS {
            let Some(RefOr::T(Schema::Object(schema))) = schemas.get_mut(schema) else { continue };
            if let Some(RefOr::T(Schema::Object(member))) = schema.properties.get_mut(member) {
                member.max_properties = Some(most);
            }
        }
    }
}

/// All operations of a path.
pub(super) fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    let PathItem { get, put, post, delete, .. } = item;
    [get, put, post, delete].into_iter().flatten()
}

fn complete(path: &str, operation: &mut Operation) {
    if security::needs_key(path) {
        for (status, why) in ANY_WITH_KEY {
            refusal(operation, status, why);
        }
    }
    for (status, why) in ANY {
        refusal(operation, status, why);
    }
    if let Some(RefOr::T(body)) = &mut operation.request_body {
        may_be_absent(body);
        for (status, why) in ANY_BODY {
            refusal(operation, status, why);
        }
    }
    if has_query(operation, "page_token") {
        for (status, why) in ANY_PAGE {
            refusal(operation, status, why);
        }
    }
    for (status, response) in &mut operation.responses.responses {
        let RefOr::T(response) = response else { continue };
        if status.as_str() >= "400" {
            let problem = Ref::from_schema_name("Problem");
            let content = ContentBuilder::new().schema(Some(problem)).build();
            response.content.clear();
            response.content.insert(PROBLEM_JSON_TEXT.to_owned(), content.into());
        }
        if matches!(status.as_str(), "429" | "503") {
            let seconds = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(0)).build();
            let header = HeaderBuilder::new().schema(Some(seconds));
            let header = header.description(Some("After how many seconds to try again"));
            response.headers.insert("Retry-After".to_owned(), header.build().into());
        }
        if status == "401" {
            let text = ObjectBuilder::new().schema_type(Type::String).build();
            let header = HeaderBuilder::new().schema(Some(text));
            let header = header.description(Some("What is to be brought (RFC 6750)"));
            response.headers.insert("WWW-Authenticate".to_owned(), header.build().into());
        }
    }
}

/// Adds a reason for which a request may be refused with this status.
fn refusal(operation: &mut Operation, status: u16, why: &str) {
    let responses = &mut operation.responses.responses;
    let entry = responses
        .entry(status.to_string())
        .or_insert_with(|| ResponseBuilder::new().description("").build().into());
    if let RefOr::T(response) = entry {
        let said = &mut response.description;
        *said = if said.is_empty() { why.to_owned() } else { format!("{said}; {why}") };
    }
}

fn has_query(operation: &Operation, name: &str) -> bool {
    let mut parameters = operation.parameters.iter().flatten();
    parameters.any(|parameter| match parameter {
        RefOr::T(parameter) => {
            parameter.parameter_in == ParameterIn::Query && parameter.name == name
        }
        RefOr::Ref(_) => false,
    })
}

/// A body that a handler declares as an `Option` may be left out; it may not be `null`.
fn may_be_absent(body: &mut RequestBody) {
    for content in body.content.values_mut() {
        let RefOr::T(content) = content else { continue };
        if let Some(RefOr::T(Schema::OneOf(OneOf { items, .. }))) = &content.schema
            && let Some(wanted) = items.iter().find(|item| matches!(item, RefOr::Ref(_)))
        {
            content.schema = Some(wanted.clone());
            body.required = Some(Required::False);
        }
    }
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Statewright",
        description = "Runs state machines written in the Amazon States Language. The AWS API \
                       of Step Functions is served beside this one, at `POST /`."
    ),
    paths(
        state_machines::list,
        state_machines::create,
        state_machines::describe,
        state_machines::replace,
        state_machines::delete,
        versions::publish,
        versions::list,
        versions::describe,
        versions::delete,
        tags::of_machine,
        tags::put_of_machine,
        tags::delete_of_machine,
        executions::start_of,
        executions::start,
        executions::list,
        executions::describe,
        executions::stop,
        executions::history,
        live::events,
        validate::validate,
        activities::list,
        activities::create,
        activities::describe,
        activities::delete,
        activities::poll,
        tags::of_activity,
        tags::put_of_activity,
        tags::delete_of_activity,
        tasks::succeed,
        tasks::fail,
        tasks::heartbeat,
        functions::list,
        functions::describe,
        functions::register,
        functions::delete,
        schedules::list,
        schedules::put,
        schedules::describe,
        schedules::delete,
        schedules::pause,
        schedules::resume,
        schedules::preview::preview,
        schedules::preview::preview_expression,
        schedules::firings::firings,
        schedules::firings::run,
        schedules::firings::backfill,
        schedules::firings::backfills,
        schedules::firings::cancel_backfill,
        schedule_groups::list,
        schedule_groups::put,
        schedule_groups::describe,
        schedule_groups::delete,
        tags::of_group,
        tags::put_of_group,
        tags::delete_of_group,
    ),
    components(schemas(Problem, executions::StartedExecution)),
    modifiers(&Common, &Keys),
    tags(
        (name = "state machines", description = "Definitions that can be run"),
        (name = "executions", description = "Runs of state machines"),
        (name = "activities", description = "Names under which activity workers fetch tasks"),
        (name = "tasks", description = "Answers of whoever holds a task's token"),
        (name = "functions", description = "What tasks call over HTTP, by name"),
        (name = "schedules", description = "State machines that start by themselves"),
        (name = "schedule groups", description = "Schedules that are kept, and deleted, together"),
    )
)]
struct Document;
