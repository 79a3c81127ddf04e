//! What can be granted.

use adit_core::{
    permission::PermissionGroup,
    port::{Page, PageRequest},
};
use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    envelope::Success,
    extract::{PageRules, PathParams, QueryParams, RequestError, list},
    problem::Problem,
    scope::{AccountScope, TokensScope},
};
use axum::extract::FromRequestParts;

use crate::state::ApiState;

const PAGES: PageRules = PageRules {
    default: 20,
    limit: 1000,
};

/// A permission group, for who makes tokens.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct TokenGroupView {
    id: &'static str,
    name: &'static str,
    scopes: [&'static str; 1],
    category: &'static str,
    is_selectable: bool,
}

/// A permission group of an account.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct AccountGroupView {
    id: &'static str,
    name: &'static str,
    meta: Meta,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Meta {
    label: String,
    scopes: &'static str,
}

impl TokenGroupView {
    fn of(group: PermissionGroup) -> Self {
        Self {
            id: group.id(),
            name: group.name(),
            scopes: [group.scope().as_str()],
            category: category(group),
            is_selectable: true,
        }
    }
}

/// The product it is about, in the words that the SDKs check.
const fn category(group: PermissionGroup) -> &'static str {
    use PermissionGroup as Group;
    match group {
        Group::ConnectorsWrite
        | Group::ConnectorsRead
        | Group::CloudflaredWrite
        | Group::CloudflaredRead
        | Group::WarpConnectorWrite
        | Group::WarpConnectorRead
        | Group::TunnelWrite
        | Group::TunnelRead
        | Group::NetworksWrite
        | Group::NetworksRead => "cloudflare_one_and_zero_trust",
        Group::ZoneWrite | Group::ZoneRead | Group::DnsWrite | Group::DnsRead => "dns_and_zones",
        Group::AccountSettingsWrite
        | Group::AccountSettingsRead
        | Group::AccountApiTokensWrite
        | Group::AccountApiTokensRead
        | Group::ApiTokensWrite
        | Group::ApiTokensRead => "account_and_billing",
    }
}

impl AccountGroupView {
    fn of(group: PermissionGroup) -> Self {
        Self {
            id: group.id(),
            name: group.name(),
            meta: Meta {
                label: label(group),
                scopes: group.scope().as_str(),
            },
        }
    }
}

/// The name as one word.
fn label(group: PermissionGroup) -> String {
    let words = group.name().split(|letter: char| !letter.is_ascii_alphanumeric());
    let words: Vec<String> = words
        .filter(|word| !word.is_empty())
        .map(str::to_ascii_lowercase)
        .collect();
    words.join("_")
}

fn groups() -> impl Iterator<Item = PermissionGroup> {
    PermissionGroup::ALL.iter().copied()
}

/// `GET …/tokens/permission_groups`.
pub(super) async fn for_tokens(_scope: TokensScope, query: QueryParams) -> Success<Vec<TokenGroupView>> {
    let found = list!(query, |query| {
        let is = |name: &str, text: &str| query.text(name).is_none_or(|wanted| wanted == text);
        let wanted =
            |group: &PermissionGroup| is("name", group.name()) && is("scope", group.scope().as_str());
        groups().filter(wanted).collect::<Vec<_>>()
    });
    Success::of(found.into_iter().map(TokenGroupView::of).collect())
}

/// `GET /accounts/{account_id}/iam/permission_groups`.
pub(super) async fn of_account(
    _scope: AccountScope,
    query: QueryParams,
) -> Result<Success<Vec<AccountGroupView>>, Problem> {
    let page: PageRequest = query.page(PAGES)?;
    let all = list!(query, |query| {
        let is = |name: &str, text: &str| query.text(name).is_none_or(|wanted| wanted == text);
        let wanted = |group: &PermissionGroup| {
            is("id", group.id()) && is("name", group.name()) && is("label", &label(*group))
        };
        groups().filter(wanted).collect::<Vec<_>>()
    });
    let skipped = usize::try_from(page.offset()).unwrap_or(usize::MAX);
    let size = usize::try_from(page.per_page).unwrap_or(usize::MAX);
    let found = Page {
        total: all.len() as u64,
        items: all.into_iter().skip(skipped).take(size).collect(),
    };
    Ok(Success::page(&found, page, |group| AccountGroupView::of(*group)))
}

/// A permission group, in the path as `permission_group_id`.
pub(super) struct GroupScope(PermissionGroup);

impl FromRequestParts<ApiState> for GroupScope {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut http::request::Parts, state: &ApiState) -> Result<Self, Problem> {
        AccountScope::from_request_parts(parts, state).await?;
        let params = PathParams::of(parts).await?;
        let id: String = params.id("permission_group_id")?;
        let found = PermissionGroup::with_id(&id.to_ascii_lowercase());
        Ok(Self(found.ok_or_else(|| -> RequestError { params.unknown() })?))
    }
}

/// `GET /accounts/{account_id}/iam/permission_groups/{permission_group_id}`.
pub(super) async fn one_of_account(GroupScope(group): GroupScope) -> Success<AccountGroupView> {
    Success::of(AccountGroupView::of(group))
}
