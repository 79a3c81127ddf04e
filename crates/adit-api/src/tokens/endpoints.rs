//! The calls on API tokens.

use adit_core::permission::{
    ACCOUNT_READ, ACCOUNT_TOKENS_READ, ACCOUNT_TOKENS_WRITE, PermissionGroup, USER_TOKENS_READ,
    USER_TOKENS_WRITE,
};

use super::{
    create, delete, get,
    groups::{AccountGroupView, TokenGroupView, for_tokens, of_account, one_of_account},
    list, replace,
    request::TokenRequest,
    roll,
    verify::{self, Verified},
    view::{CreatedToken, DeletedToken, TokenView},
};
use crate::{
    endpoint::{
        Access::{self, Groups},
        DIRECTION, Endpoint, Parameter,
    },
    problem::failures::{NOT_VERIFIED, TOKEN, TOKEN_KEPT},
};

const TOKEN_GROUPS: &[Parameter] = &[
    Parameter::text("name", "exactly this name"),
    Parameter::text(
        "scope",
        "granted on this, such as com.cloudflare.api.account.zone",
    ),
];

const GROUPS: &[Parameter] = &[
    Parameter::text("id", "exactly this group"),
    Parameter::text("name", "exactly this name"),
    Parameter::text("label", "exactly this label"),
];

/// Where the tokens of an owner are.
struct Paths {
    all: &'static str,
    groups: &'static str,
    one: &'static str,
    value: &'static str,
}

const OF_USER: Paths = Paths {
    all: "/user/tokens",
    groups: "/user/tokens/permission_groups",
    one: "/user/tokens/{token_id}",
    value: "/user/tokens/{token_id}/value",
};

const OF_ACCOUNT: Paths = Paths {
    all: "/accounts/{account_id}/tokens",
    groups: "/accounts/{account_id}/tokens/permission_groups",
    one: "/accounts/{account_id}/tokens/{token_id}",
    value: "/accounts/{account_id}/tokens/{token_id}/value",
};

type Set = &'static [PermissionGroup];

fn tokens(paths: &Paths, read: Set, write: Set) -> Vec<Endpoint> {
    let (read, write) = (Groups(read), Groups(write));
    vec![
        Endpoint::get(paths.all, "List API tokens", read, list)
            .query(DIRECTION)
            .gives_page::<TokenView>(),
        Endpoint::post(
            paths.all,
            "Make an API token; its value is shown once",
            write,
            create,
        )
        .takes::<TokenRequest>()
        .gives::<CreatedToken>(),
        Endpoint::get(paths.groups, "List what a token can be given", read, for_tokens)
            .query(TOKEN_GROUPS)
            .gives_all::<TokenGroupView>(),
        Endpoint::get(paths.one, "Show an API token", read, get)
            .gives::<TokenView>()
            .fails(TOKEN),
        Endpoint::put(paths.one, "Replace what an API token may do", write, replace)
            .takes::<TokenRequest>()
            .gives::<TokenView>()
            .fails(TOKEN)
            .fails(TOKEN_KEPT),
        Endpoint::delete(paths.one, "Delete an API token", write, delete)
            .gives::<DeletedToken>()
            .fails(TOKEN)
            .fails(TOKEN_KEPT),
        Endpoint::put(paths.value, "Replace the value of an API token", write, roll)
            .gives::<String>()
            .fails(TOKEN)
            .fails(TOKEN_KEPT),
    ]
}

/// The calls on API tokens and permission groups.
pub(crate) fn endpoints() -> Vec<Endpoint> {
    let mut all = tokens(&OF_USER, USER_TOKENS_READ, USER_TOKENS_WRITE);
    all.extend(tokens(&OF_ACCOUNT, ACCOUNT_TOKENS_READ, ACCOUNT_TOKENS_WRITE));
    all.extend([
        Endpoint::get(
            "/user/tokens/verify",
            "Verify the token of this call",
            Access::Anyone,
            verify::verify,
        )
        .fails(NOT_VERIFIED)
        .gives::<Verified>()
        .with_messages(),
        Endpoint::get(
            "/accounts/{account_id}/tokens/verify",
            "Verify that the token of this call is good in this account",
            Access::Anyone,
            verify::verify_of_account,
        )
        .fails(NOT_VERIFIED)
        .gives::<Verified>()
        .with_messages(),
        Endpoint::get(
            "/accounts/{account_id}/iam/permission_groups",
            "List permission groups",
            Groups(ACCOUNT_READ),
            of_account,
        )
        .query(GROUPS)
        .gives_page::<AccountGroupView>(),
        Endpoint::get(
            "/accounts/{account_id}/iam/permission_groups/{permission_group_id}",
            "Show a permission group",
            Groups(ACCOUNT_READ),
            one_of_account,
        )
        .gives::<AccountGroupView>(),
    ]);
    all
}
