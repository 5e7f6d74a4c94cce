//! What the `OpenAPI` document says of access keys, and who needs none.

use utoipa::Modify;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{Components, OpenApi};

use super::document::operations;

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
            if !needs_key(path) {
                operations(item).for_each(|operation| operation.security = Some(Vec::new()));
            }
        }
    }
}

/// Whether whoever asks at this path needs a key: a task's token, where it stands in the path, is
/// the authority.
pub(super) fn needs_key(path: &str) -> bool {
    !path.starts_with("/v1/tasks/")
}
