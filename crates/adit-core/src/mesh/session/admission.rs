//! Is a node who it says it is, and may it be a replica of that site?

use adit_model::{ConnectorId, IdentityKey, PeerKey, SecretDigest, TunnelKey, TunnelKind};

use crate::port::{LinkError, LinkedReplica, TunnelEntry};

/// Who a node says it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim {
    /// Of which site.
    pub site: TunnelKey,
    /// Under which id.
    pub replica: ConnectorId,
    /// What its packets are to be encrypted for.
    pub key: PeerKey,
    /// How it proves it.
    pub by: Credential,
}

/// What a node proves itself with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Credential {
    /// The tunnel's secret, and this identity, which is to be its own.
    Token(IdentityKey),
    /// The identity that it enrolled with.
    Identity,
}

/// What only cryptography can tell of a claim, on the connection that it came on.
pub trait Proofs {
    /// Whether the node has the secret with this digest.
    fn of_secret(&self, secret: &SecretDigest) -> bool;
    /// Whether it has this identity.
    fn of_identity(&self, identity: &IdentityKey) -> bool;
}

/// What is to be done with a true claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is linked with this key already.
    Known,
    /// It is linked, and its key is a new one.
    NewKey,
    /// It is to be linked with this identity, having proved that it has the secret with this digest.
    Link(IdentityKey, SecretDigest),
}

/// Why a node is not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Refusal {
    /// Unknown, deleted, or another account's: the caller learns nothing more.
    #[error("the tunnel does not exist")]
    TunnelNotFound,
    /// The secret is not the tunnel's.
    #[error("the token's secret is not the tunnel's; it may have been rotated")]
    BadSecret,
    /// The tunnel is one that `cloudflared` serves.
    #[error("this is the token of a cloudflared tunnel, not of a site (warp_connector)")]
    NotSite,
    /// It does not have the identity.
    #[error("the signature was not made with the replica's identity")]
    BadSignature,
    /// It has to enrol first.
    #[error("no replica of this id is linked to the site")]
    NotLinked,
    /// The id belongs to another host.
    #[error("the connector id belongs to another host")]
    TakenId,
    /// The key belongs to another member of the mesh.
    #[error("the WireGuard key belongs to another member of the mesh")]
    TakenKey,
    /// The key is none.
    #[error("not a usable WireGuard key")]
    WeakKey,
    /// The site is full.
    #[error("the site has {0} replicas, as many as it may")]
    TooMany(u32),
    /// The account's range is used up.
    #[error("no address is left in the account's mesh range")]
    NoAddress,
    /// The edge does not know its tunnels yet, has as many sessions as it may, or cannot reach its store.
    #[error("not now: {0}")]
    Unavailable(&'static str),
}

impl From<LinkError> for Refusal {
    fn from(error: LinkError) -> Self {
        match error {
            LinkError::NoTunnel => Self::TunnelNotFound,
            LinkError::OldSecret => Self::BadSecret,
            LinkError::WeakKey(_) => Self::WeakKey,
            LinkError::TakenId => Self::TakenId,
            LinkError::TakenKey => Self::TakenKey,
            LinkError::TooMany(most) => Self::TooMany(most),
            LinkError::NoAddress => Self::NoAddress,
            LinkError::Store(_) => Self::Unavailable("the store cannot be reached"),
        }
    }
}

/// Decides on a claim. `entry` is the site's tunnel, if the account has one of that id; `linked` the replica of that id that
/// the site has.
///
/// # Errors
/// The [`Refusal`] to answer with.
pub fn judge(
    claim: &Claim,
    proofs: &impl Proofs,
    entry: Option<&TunnelEntry>,
    linked: Option<&LinkedReplica>,
) -> Result<Verdict, Refusal> {
    let entry = entry
        .filter(|entry| !entry.deleted)
        .ok_or(Refusal::TunnelNotFound)?;
    match claim.by {
        Credential::Token(identity) => {
            if !proofs.of_secret(&entry.secret) {
                return Err(Refusal::BadSecret);
            }
            if entry.kind == TunnelKind::CfdTunnel {
                return Err(Refusal::NotSite);
            }
            if !proofs.of_identity(&identity) {
                return Err(Refusal::BadSignature);
            }
            match linked {
                Some(linked) if linked.identity != identity => Err(Refusal::TakenId),
                // One that is linked already counts as linked with the present secret from now on.
                Some(_) | None => Ok(Verdict::Link(identity, entry.secret)),
            }
        }
        Credential::Identity => {
            let linked = linked.ok_or(Refusal::NotLinked)?;
            if !proofs.of_identity(&linked.identity) {
                return Err(Refusal::BadSignature);
            }
            if linked.key == claim.key {
                Ok(Verdict::Known)
            } else {
                Ok(Verdict::NewKey)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use adit_model::{AccountId, ConfigSource, ConfigVersion, Timestamp, TunnelId};

    use super::*;
    use crate::mesh::MeshAddresses;

    const IDENTITY: IdentityKey = IdentityKey::from_bytes([1; 32]);
    const OTHER: IdentityKey = IdentityKey::from_bytes([2; 32]);
    const KEY: PeerKey = PeerKey::from_bytes([3; 32]);

    /// Has these and no others.
    struct Has(&'static [u8], &'static [IdentityKey]);

    impl Proofs for Has {
        fn of_secret(&self, secret: &SecretDigest) -> bool {
            SecretDigest::of(self.0) == *secret
        }

        fn of_identity(&self, identity: &IdentityKey) -> bool {
            self.1.contains(identity)
        }
    }

    fn site() -> TunnelEntry {
        TunnelEntry {
            kind: TunnelKind::WarpConnector,
            deleted: false,
            config_source: ConfigSource::Cloudflare,
            config_version: ConfigVersion::default(),
            secret: SecretDigest::of(b"right"),
        }
    }

    fn linked(identity: IdentityKey, key: PeerKey) -> LinkedReplica {
        LinkedReplica {
            identity,
            key,
            addresses: MeshAddresses {
                v4: Ipv4Addr::new(100, 96, 0, 2),
                v6: Ipv6Addr::LOCALHOST,
            },
            linked_at: Timestamp::from_unix_micros(0).unwrap(),
        }
    }

    fn claim(by: Credential) -> Claim {
        Claim {
            site: TunnelKey {
                account: AccountId::from_bytes([0; 16]),
                tunnel: TunnelId::random(),
            },
            replica: ConnectorId::random(),
            key: KEY,
            by,
        }
    }

    #[test]
    fn a_holder_of_the_token_is_linked_however_often_it_asks() {
        let claim = claim(Credential::Token(IDENTITY));
        let right = Has(b"right", &[IDENTITY]);
        let link = Verdict::Link(IDENTITY, SecretDigest::of(b"right"));
        assert_eq!(judge(&claim, &right, Some(&site()), None), Ok(link));
        for key in [KEY, PeerKey::from_bytes([9; 32])] {
            let known = linked(IDENTITY, key);
            assert_eq!(judge(&claim, &right, Some(&site()), Some(&known)), Ok(link));
        }
    }

    #[test]
    fn an_enrolment_without_all_proofs_is_refused() {
        let claim = claim(Credential::Token(IDENTITY));
        let judge = |has: Has, entry: Option<TunnelEntry>, linked: Option<LinkedReplica>| {
            judge(&claim, &has, entry.as_ref(), linked.as_ref())
        };
        let all = || Has(b"right", &[IDENTITY]);
        assert_eq!(judge(all(), None, None), Err(Refusal::TunnelNotFound));
        let deleted = TunnelEntry {
            deleted: true,
            ..site()
        };
        assert_eq!(judge(all(), Some(deleted), None), Err(Refusal::TunnelNotFound));
        let stranger = Has(b"wrong", &[IDENTITY]);
        assert_eq!(judge(stranger, Some(site()), None), Err(Refusal::BadSecret));
        let thief = Has(b"right", &[OTHER]);
        assert_eq!(judge(thief, Some(site()), None), Err(Refusal::BadSignature));
        let taken = linked(OTHER, KEY);
        assert_eq!(judge(all(), Some(site()), Some(taken)), Err(Refusal::TakenId));
    }

    #[test]
    fn the_token_of_another_kind_of_tunnel_is_told_to_its_holder_alone() {
        let claim = claim(Credential::Token(IDENTITY));
        let tunnel = TunnelEntry {
            kind: TunnelKind::CfdTunnel,
            ..site()
        };
        let judge = |secret| judge(&claim, &Has(secret, &[IDENTITY]), Some(&tunnel), None);
        assert_eq!(judge(b"right"), Err(Refusal::NotSite));
        assert_eq!(judge(b"wrong"), Err(Refusal::BadSecret));
    }

    #[test]
    fn a_replica_comes_back_with_its_identity_alone() {
        let claim = claim(Credential::Identity);
        let judge = |identities, linked: Option<LinkedReplica>| {
            judge(&claim, &Has(b"", identities), Some(&site()), linked.as_ref())
        };
        assert_eq!(
            judge(&[IDENTITY], Some(linked(IDENTITY, KEY))),
            Ok(Verdict::Known)
        );
        let old_key = linked(IDENTITY, PeerKey::from_bytes([9; 32]));
        assert_eq!(judge(&[IDENTITY], Some(old_key)), Ok(Verdict::NewKey));
        assert_eq!(judge(&[IDENTITY], None), Err(Refusal::NotLinked));
        assert_eq!(
            judge(&[OTHER], Some(linked(IDENTITY, KEY))),
            Err(Refusal::BadSignature)
        );
    }
}
