//! What goes wrong with load balancers and pools.

use adit_core::port::LoadBalancerError;
use http::StatusCode;

use super::{Problem, code};

impl From<LoadBalancerError> for Problem {
    fn from(error: LoadBalancerError) -> Self {
        let text = error.to_string();
        match error {
            LoadBalancerError::NoZone | LoadBalancerError::NoLoadBalancer | LoadBalancerError::NoPool => {
                Self::new(StatusCode::NOT_FOUND, code::NOT_FOUND, text)
            }
            LoadBalancerError::NoTunnel => Self::tunnel_not_found(),
            LoadBalancerError::HostTaken => Self::route_taken(),
            LoadBalancerError::PoolFull => Self::invalid(text).at("/lb_pool".to_owned()),
            LoadBalancerError::PoolInUse => Self::new(StatusCode::CONFLICT, code::CONFLICT, text),
            LoadBalancerError::Store(error) => error.into(),
        }
    }
}
