//! What the `OpenAPI` document says of access keys: who needs one, and how refusals look.

use utoipa::Modify;
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{Components, ContentBuilder, OpenApi, Ref, RefOr, ResponseBuilder};

const SCHEME: &str = "access_key";

/// Adds it to the document.
pub(super) struct Keys;

impl Modify for Keys {
    fn modify(&self, document: &mut OpenApi) {
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .bearer_format("ID.SECRET")
            .description(Some(
                "An access key, as `statewright keys create` shows it; not looked at while the \
                 server is open to everybody",
            ))
            .build();
        let components = document.components.get_or_insert_with(Components::default);
        components.add_security_scheme(SCHEME, SecurityScheme::Http(scheme));
        let key = SecurityRequirement::new::<_, [&str; 0], &str>(SCHEME, []);
        document.security = Some(vec![key]);
        for (path, item) in &mut document.paths.paths {
            let operations =
                [&mut item.get, &mut item.put, &mut item.post, &mut item.delete, &mut item.patch];
            for operation in operations.into_iter().flatten() {
                if path.starts_with("/v1/tasks/") {
                    // The token in the path is the authority.
                    operation.security = Some(Vec::new());
                } else {
                    refuse(operation);
                }
            }
        }
    }
}

fn refuse(operation: &mut Operation) {
    for (status, why) in [
        ("401", "an access key is needed, and there is none or no good one"),
        ("403", "the access key does not allow this"),
    ] {
        let problem = ContentBuilder::new()
            .schema(Some(RefOr::Ref(Ref::from_schema_name("Problem"))))
            .build();
        let response = ResponseBuilder::new()
            .description(why)
            .content("application/problem+json", problem)
            .build();
        operation.responses.responses.insert(status.to_owned(), RefOr::T(response));
    }
}
