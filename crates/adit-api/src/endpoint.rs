//! What the API serves, each call declared once: the router and the OpenAPI document are both made from this.

mod parameter;

use adit_core::permission::PermissionGroup;
use axum::{
    Extension, Router,
    handler::Handler,
    routing::{MethodFilter, MethodRouter, on},
};
use http::Method;
use schemars::{JsonSchema, Schema, SchemaGenerator};

pub(crate) use parameter::{DIRECTION, Kind, Parameter};

use crate::{problem::Failure, state::ApiState};

/// Who may make a call. A call for which nothing is declared cannot be made.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Access {
    /// Whoever has a good credential.
    Anyone,
    /// Whoever holds one of these groups where the call acts.
    Groups(&'static [PermissionGroup]),
    /// The operator of this installation: users with email address and key, and the operator's token.
    Operator,
    /// Everybody, without a credential.
    Public,
}

/// Describes a type.
pub(crate) type SchemaOf = fn(&mut SchemaGenerator) -> Schema;

/// What a success has in `result`.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Answer {
    /// `null`.
    Nothing,
    /// A value.
    One(SchemaOf),
    /// All values, as an array.
    All(SchemaOf),
    /// Part of a list, with `result_info`.
    Page(SchemaOf),
    /// A JSON object of its own, without the envelope.
    Bare,
}

/// One call of the API.
pub(crate) struct Endpoint {
    pub(crate) method: Method,
    /// Relative to `/client/v4`, with its variable parts in braces.
    pub(crate) path: &'static str,
    /// What it does, in a line.
    pub(crate) summary: &'static str,
    pub(crate) access: Access,
    pub(crate) query: Vec<&'static [Parameter]>,
    pub(crate) body: Option<SchemaOf>,
    pub(crate) answer: Answer,
    /// Whether a success has something in `messages`, which `cloudflared` cannot read.
    pub(crate) has_messages: bool,
    /// How it can fail beyond what every call of its shape can.
    pub(crate) failures: Vec<&'static [Failure]>,
    handler: MethodRouter<ApiState>,
}

macro_rules! constructors {
    ($($name:ident: $method:ident,)+) => {$(
        /// A call with this method.
        pub(crate) fn $name<H, T>(path: &'static str, summary: &'static str, access: Access, handler: H) -> Self
        where
            H: Handler<T, ApiState>,
            T: 'static,
        {
            let handler = on(MethodFilter::$method, handler).route_layer(Extension(access));
            Self {
                method: Method::$method,
                path,
                summary,
                access,
                query: Vec::new(),
                body: None,
                answer: Answer::Nothing,
                has_messages: false,
                failures: Vec::new(),
                handler,
            }
        }
    )+};
}

impl Endpoint {
    constructors! {
        get: GET,
        post: POST,
        put: PUT,
        patch: PATCH,
        delete: DELETE,
    }

    /// Takes these parameters in its query, beside those of earlier calls of this.
    pub(crate) fn query(mut self, parameters: &'static [Parameter]) -> Self {
        self.query.push(parameters);
        self
    }

    /// Takes a JSON body.
    pub(crate) fn takes<T: JsonSchema>(mut self) -> Self {
        self.body = Some(schema_of::<T>);
        self
    }

    /// Can fail so, beside what every call of its shape can fail by and what earlier calls of this said.
    pub(crate) fn fails(mut self, failures: &'static [Failure]) -> Self {
        self.failures.push(failures);
        self
    }

    /// Gives one value.
    pub(crate) fn gives<T: JsonSchema>(mut self) -> Self {
        self.answer = Answer::One(schema_of::<T>);
        self
    }

    /// Gives an array of values.
    pub(crate) fn gives_all<T: JsonSchema>(mut self) -> Self {
        self.answer = Answer::All(schema_of::<T>);
        self
    }

    /// Gives part of a list, chosen by `page` and `per_page`.
    pub(crate) fn gives_page<T: JsonSchema>(mut self) -> Self {
        self.answer = Answer::Page(schema_of::<T>);
        self.query(parameter::PAGING)
    }

    /// Says something in `messages`; for calls that `cloudflared` never makes.
    pub(crate) fn with_messages(mut self) -> Self {
        self.has_messages = true;
        self
    }

    /// Gives a JSON object without the envelope.
    pub(crate) fn gives_bare(mut self) -> Self {
        self.answer = Answer::Bare;
        self
    }
}

fn schema_of<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<T>()
}

/// The router of these calls.
pub(crate) fn route(endpoints: Vec<Endpoint>) -> Router<ApiState> {
    endpoints.into_iter().fold(Router::new(), |router, endpoint| {
        router.route(endpoint.path, endpoint.handler)
    })
}
