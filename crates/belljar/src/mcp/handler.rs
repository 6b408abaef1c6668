//! Answers requests. It keeps nothing of its own: one can be made for each connection, or for each request.

use super::call::Call;
use super::{Shared, resources, tools};
use desk::Visitor;
use rmcp::model::{
    CacheScope, CallToolRequestParams, CallToolResponse, CustomRequest, CustomResult, ErrorCode, Extensions,
    ListResourceTemplatesResult, ListResourcesResult, ListToolsResult, PaginatedRequestParams,
    ReadResourceRequestParams, ReadResourceResponse, ServerConfig, Tool,
};
use rmcp::service::RequestContext;
use rmcp::{ErrorData, RoleServer, ServerHandler};
use std::sync::Arc;
use tokio::sync::watch;

/// How long a list of tools stays true: as long as the server runs.
const TOOLS_TTL_MS: u64 = 3_600_000;

/// Whose requests are.
#[derive(Clone)]
pub enum Whose {
    /// All of them this visitor's.
    Visitor(Visitor),
    /// Each has its visitor with it: in the extensions of the head of its HTTP request.
    Each,
}

impl Whose {
    fn visitor(&self, extensions: &Extensions) -> Result<Visitor, ErrorData> {
        match self {
            Whose::Visitor(visitor) => Ok(visitor.clone()),
            Whose::Each => {
                let head = extensions.get::<axum::http::request::Parts>();
                let visitor = head.and_then(|head| head.extensions.get::<Visitor>()).cloned();
                visitor.ok_or_else(|| ErrorData::internal_error("cannot tell whose request this is", None))
            }
        }
    }
}

/// The server's side of the protocol.
#[derive(Clone)]
pub struct Handler {
    shared: Arc<Shared>,
    whose: Whose,
    hangup: watch::Receiver<bool>,
}

impl Handler {
    /// A handler for a transport that tells by each request's token when nobody waits for it any more.
    pub fn new(shared: Arc<Shared>, whose: Whose) -> Handler {
        Handler { shared, whose, hangup: watch::channel(false).1 }
    }

    /// The same for one connection: when `hangup` turns true, everything that runs for it is cancelled.
    pub fn with_hangup(mut self, hangup: watch::Receiver<bool>) -> Handler {
        self.hangup = hangup;
        self
    }

    fn call<'a>(&self, context: &'a RequestContext<RoleServer>) -> Result<Call<'a>, ErrorData> {
        let visitor = self.whose.visitor(&context.extensions)?;
        Ok(Call { visitor, context, hangup: self.hangup.clone() })
    }
}

/// What answers over HTTP: one for each request, or for each session.
pub fn over_http(shared: Arc<Shared>, whose: Whose) -> impl ServerHandler {
    let handler = Handler::new(shared, whose);
    #[cfg(feature = "mcp-conformance-fixtures")]
    let handler = super::fixtures::Fixtures(handler);
    handler
}

impl ServerHandler for Handler {
    fn get_info(&self) -> ServerConfig {
        self.shared.greeting.clone()
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        self.shared.tools.iter().find(|tool| tool.name == name).cloned()
    }

    async fn list_tools(
        &self,
        _page: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let tools = ListToolsResult::with_all_items(self.shared.tools.clone());
        Ok(tools.with_ttl_ms(TOOLS_TTL_MS).with_cache_scope(CacheScope::Private))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let done = tools::call(&self.shared, &self.call(&context)?, request).await;
        Ok(done.or_else(|stop| stop.answer())?.into())
    }

    /// What the protocol's types do not take ends here, also requests of its own whose parameters have another form.
    async fn on_custom_request(
        &self,
        request: CustomRequest,
        _context: RequestContext<RoleServer>,
    ) -> Result<CustomResult, ErrorData> {
        if ["tools/call", "resources/read"].contains(&request.method.as_str()) {
            let why = format!("cannot read the parameters of {}", request.method);
            return Err(ErrorData::invalid_params(why, None));
        }
        Err(ErrorData::new(ErrorCode::METHOD_NOT_FOUND, request.method, None))
    }

    async fn list_resources(
        &self,
        _page: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        resources::list(&self.shared, &self.call(&context)?).await
    }

    async fn list_resource_templates(
        &self,
        _page: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        Ok(resources::templates().with_ttl_ms(TOOLS_TTL_MS).with_cache_scope(CacheScope::Private))
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        Ok(resources::read(&self.shared, &self.call(&context)?, &request.uri).await?.into())
    }
}
