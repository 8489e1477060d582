//! Stories about hosts without IKE: routers, pings, pieces, and what is turned away.
