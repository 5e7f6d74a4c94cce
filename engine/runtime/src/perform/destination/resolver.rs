//! The resolver of all calls: it tells only addresses that may be called.

use std::io;
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::{Destinations, Objection};

tokio::task_local! {
    /// The call for which a name is looked up: a resolver is told names only. A connection is begun
    /// within the call that needs it, so that this is there; were it not, nothing would be looked up.
    static ASKING: Asking;
}

/// What a resolver has to know of a call: to which port it goes, and whose it is.
#[derive(Clone)]
pub(in crate::perform) struct Asking {
    pub(in crate::perform) port: u16,
    pub(in crate::perform) account: Arc<str>,
}

impl Asking {
    /// Runs a call, for which names may have to be looked up.
    pub(in crate::perform) async fn during<T>(self, call: impl Future<Output = T>) -> T {
        ASKING.scope(self, call).await
    }
}

/// Resolves names to addresses that may be called.
pub(in crate::perform) struct Resolver(pub(in crate::perform) Arc<Destinations>);

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let (destinations, asking) = (self.0.clone(), ASKING.try_with(Asking::clone));
        Box::pin(async move {
            let Asking { port, account } = asking.map_err(|_| {
                Objection::Unknown(io::Error::other("the port of the call is not known"))
            })?;
            let found = destinations.find(&account, name.as_str(), port).await?;
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}
