//! Who sends a request, told apart as for all others, and refused in the form that the SDKs read.

use crate::{
    e2b::{front::refused, refusal::Refusal},
    http::{Served, callers, doors::Owner},
};
use axum::{
    extract::{Request, State},
    middleware::Next,
    response::Response,
};
use desk::{Scope, Visitor};

/// Finds out who it is, counts the request, and turns strangers away.
pub async fn recognise(State(served): State<Served>, mut request: Request, next: Next) -> Response {
    let visitor = match visitor(&served, &request) {
        Ok(visitor) => visitor,
        Err(refusal) => return refused(request, refusal).await,
    };
    let allowed = visitor.check(Scope::Execute).and_then(|()| visitor.count_request());
    if let Err(error) = allowed {
        return refused(request, Refusal::from(error)).await;
    }
    request.extensions_mut().insert(visitor);
    next.run(request).await
}

fn visitor(served: &Served, request: &Request) -> Result<Visitor, Refusal> {
    let owner = request.extensions().get::<Owner>().is_some();
    match callers::visitor(served, request.headers(), owner) {
        Ok(visitor) => Ok(visitor),
        // The SDKs insist on a key: where none is needed, any is as good as none.
        Err(_) if callers::needs_no_key(served, request.headers(), owner) => Ok(Visitor::local()),
        Err(problem) => Err(Refusal::new(problem.status(), problem.detail())),
    }
}
