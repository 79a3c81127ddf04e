//! Set-up and credentials.

use crate::support::{EMAIL, Home, KEY, TOKEN, actor, home, set_up};
use adit_core::port::{ApiCredential, Catalog, LoginCredential, TokenOwner};
use adit_model::AccountId;
use adit_store::{ApiTokenValue, Bootstrap, UserKey, ZoneError};

async fn token(home: &Home, value: &str) -> Option<LoginCredential> {
    home.catalog()
        .authenticate(ApiCredential::Token(value))
        .await
        .unwrap()
}

async fn key(home: &Home, email: &str, key: &str) -> Option<LoginCredential> {
    home.catalog()
        .authenticate(ApiCredential::Key { email, key })
        .await
        .unwrap()
}

#[tokio::test]
async fn a_credential_is_its_owners_and_nobody_elses() {
    let home = home!();
    let Some(LoginCredential::Token(found)) = token(&home, TOKEN).await else {
        panic!("the token is unknown")
    };
    assert_eq!(
        (found.owner.account(), found.name.as_str()),
        (Some(home.account), "bootstrap")
    );
    for wrong in ["", "x", &TOKEN[1..], &TOKEN.to_lowercase()] {
        assert_eq!(token(&home, wrong).await, None, "{wrong}");
    }
    let user = key(&home, EMAIL, KEY).await;
    let Some(LoginCredential::User(found)) = &user else {
        panic!("the user is unknown")
    };
    assert_eq!(found.email, EMAIL);
    assert_eq!(key(&home, "User@Example.com", KEY).await, user);
    assert_eq!(key(&home, EMAIL, &KEY[1..]).await, None);
    assert_eq!(key(&home, "nobody@example.com", KEY).await, None);
    assert!(home.catalog().account_exists(home.account).await.unwrap());
    assert!(!home.catalog().account_exists(AccountId::random()).await.unwrap());
}

#[tokio::test]
async fn a_later_start_finds_what_the_first_one_made() {
    let home = home!();
    assert_eq!(home.store.first_account().await.unwrap(), Some(home.account));
    let home = home.reopen().await;
    let again = home.store.bootstrap(set_up(AccountId::random())).await.unwrap();
    assert!(!again.first_start);
    assert_eq!((again.account, again.zone), (home.account, home.zone));
    assert!(token(&home, TOKEN).await.is_some());
    let actions = home.texts("SELECT action FROM audit_log ORDER BY id").await;
    assert_eq!(
        actions,
        [
            "account.create",
            "zone.create",
            "user.key_set",
            "api_token.create"
        ]
    );
}

#[tokio::test]
async fn a_later_start_with_other_values_replaces_credentials_and_adds_a_zone() {
    let home = home!();
    let value = ApiTokenValue::generate();
    let other = Bootstrap {
        domain: "example.com".parse().unwrap(),
        api_token: value.clone(),
        user: Some(UserKey::new(EMAIL, "another".to_owned())),
        ..set_up(home.account)
    };
    let outcome = home.store.bootstrap(other.clone()).await.unwrap();
    assert_ne!(outcome.zone, home.zone);
    assert_eq!(home.store.bootstrap(other.clone()).await.unwrap(), outcome);
    assert_eq!(token(&home, TOKEN).await, None);
    assert!(token(&home, value.expose()).await.is_some());
    assert_eq!(key(&home, EMAIL, KEY).await, None);
    assert!(key(&home, EMAIL, "another").await.is_some());

    let stranger = AccountId::random();
    home.store
        .create_account(stranger, "Other".to_owned())
        .await
        .unwrap();
    home.store
        .create_zone(stranger, "taken.example".parse().unwrap(), &actor())
        .await
        .unwrap();
    let taken = Bootstrap {
        domain: "a.taken.example".parse().unwrap(),
        ..other
    };
    assert!(matches!(
        home.store.bootstrap(taken).await,
        Err(ZoneError::Overlaps(_))
    ));
}

#[tokio::test]
async fn an_account_may_have_further_tokens() {
    let home = home!();
    let value = ApiTokenValue::generate();
    let create = async |account, value: &ApiTokenValue| {
        let created = home
            .store
            .create_api_token(account, "ci".to_owned(), value.clone());
        created.await
    };
    let id = create(home.account, &value).await.unwrap();
    let Some(LoginCredential::Token(found)) = token(&home, value.expose()).await else {
        panic!("the token is unknown")
    };
    assert_eq!(
        (found.id, found.owner, found.name.as_str()),
        (id, TokenOwner::Account(home.account), "ci")
    );
    assert!(token(&home, TOKEN).await.is_some());

    let next = ApiTokenValue::generate();
    assert_eq!(create(home.account, &next).await.unwrap(), id);
    assert_eq!(token(&home, value.expose()).await, None);
    assert!(token(&home, next.expose()).await.is_some());
    create(AccountId::random(), &value).await.unwrap_err();
}

#[tokio::test]
async fn the_store_can_be_asked_who_it_is() {
    let home = home!();
    let (node, boot) = (home.store.node(), home.store.boot());
    let home = home.reopen().await;
    assert_eq!(home.store.node(), node);
    assert_ne!(home.store.boot(), boot);
    assert!(home.store.change_number().await.is_ok());
}
