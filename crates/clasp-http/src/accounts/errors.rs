//! The one table from refusals of the account service to statuses.

use axum::http::StatusCode;
use clasp_auth::accounts::AccountError;

use crate::api_error::ApiError;

/// Seconds after which a full relay is worth another try.
const FULL_RETRY_S: u64 = 60;

impl From<AccountError> for ApiError {
    fn from(error: AccountError) -> ApiError {
        let status = match &error {
            AccountError::Throttled { .. } => StatusCode::TOO_MANY_REQUESTS,
            AccountError::Invalid(_) | AccountError::BadScope(_) => StatusCode::BAD_REQUEST,
            AccountError::Taken(_) => StatusCode::CONFLICT,
            AccountError::WrongPassword => StatusCode::UNAUTHORIZED,
            AccountError::ScopeNotAllowed(_) | AccountError::Forbidden(_) => StatusCode::FORBIDDEN,
            AccountError::NotFound => StatusCode::NOT_FOUND,
            AccountError::Full => StatusCode::SERVICE_UNAVAILABLE,
            AccountError::Store(reason) => {
                tracing::error!("the auth database failed: {reason}");
                let text = "Database error";
                return ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, text);
            }
        };
        let refusal = ApiError::new(status, error.to_string());
        match error {
            AccountError::Throttled { wait_us, .. } => {
                refusal.retry_after(wait_us.div_ceil(1_000_000))
            }
            AccountError::Full => refusal.retry_after(FULL_RETRY_S),
            _ => refusal,
        }
    }
}
