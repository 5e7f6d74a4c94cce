//! What a state machine has beside its definition: logging, tracing and encryption. They are
//! checked as AWS checks them, kept, and echoed.

use serde::{Deserialize, Serialize};

use crate::error::{Kind, OperationError};

/// Which events are logged, and where.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Logging {
    /// `ALL`, `ERROR`, `FATAL` or `OFF`.
    #[serde(default)]
    pub level: LogLevel,
    /// Whether inputs and outputs are logged.
    #[serde(default)]
    pub include_execution_data: bool,
    /// At most one; exactly one unless the level is `OFF`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub destinations: Option<Vec<LogDestination>>,
}

/// How much is logged.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum LogLevel {
    All,
    Error,
    Fatal,
    #[default]
    Off,
}

/// Where logs go.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LogDestination {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cloud_watch_logs_log_group: Option<LogGroup>,
}

/// A log group by its ARN.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LogGroup {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_group_arn: Option<String>,
}

/// Whether executions are traced.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
pub struct Tracing {
    #[serde(default)]
    pub enabled: bool,
}

/// How data is encrypted at rest.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Encryption {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kms_key_id: Option<String>,
    /// Between 60 and 900.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kms_data_key_reuse_period_seconds: Option<u32>,
    pub r#type: EncryptionType,
}

/// Whose key encrypts.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum EncryptionType {
    #[default]
    AwsOwnedKey,
    CustomerManagedKmsKey,
}

impl Default for Logging {
    /// As AWS describes a state machine that was created without any.
    fn default() -> Self {
        Self { level: LogLevel::Off, include_execution_data: false, destinations: None }
    }
}

impl Logging {
    /// AWS wants one destination, except for `OFF`, which may have none.
    pub fn check(&self) -> Result<(), OperationError> {
        let destinations = self.destinations.as_deref().unwrap_or_default();
        let enough = self.level == LogLevel::Off || destinations.len() == 1;
        if !enough || destinations.len() > 1 {
            let why = "Must specify exactly one Log Destination.";
            return Err(OperationError::invalid_logging(why));
        }
        let unnamed = |destination: &LogDestination| {
            let group = destination.cloud_watch_logs_log_group.as_ref();
            group.is_none_or(|group| group.log_group_arn.is_none())
        };
        if destinations.iter().any(unnamed) {
            return Err(OperationError::invalid_logging("Log Destination must be specified."));
        }
        Ok(())
    }
}

impl Default for Encryption {
    /// As AWS describes what was created without any.
    fn default() -> Self {
        Self {
            kms_key_id: None,
            kms_data_key_reuse_period_seconds: None,
            r#type: EncryptionType::AwsOwnedKey,
        }
    }
}

impl Encryption {
    /// A customer's key needs its id; AWS's own has none.
    pub fn check(&self) -> Result<(), OperationError> {
        let refuse = |why: &str| {
            let message = format!("Invalid Encryption Configuration: {why}");
            Err(OperationError::new(Kind::InvalidEncryptionConfiguration, message))
        };
        match (self.r#type, &self.kms_key_id) {
            (EncryptionType::CustomerManagedKmsKey, None) => {
                refuse("`kmsKeyId` is required for CUSTOMER_MANAGED_KMS_KEY")
            }
            (EncryptionType::AwsOwnedKey, Some(_)) => {
                refuse("`kmsKeyId` is not allowed for AWS_OWNED_KEY")
            }
            (EncryptionType::CustomerManagedKmsKey, Some(_))
            | (EncryptionType::AwsOwnedKey, None) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) -> String {
        let logging: Logging = serde_json::from_str(text).unwrap();
        logging.check().map_or_else(|refusal| refusal.message, |()| "fine".to_owned())
    }

    #[test]
    fn logging_needs_its_one_destination() {
        let one = r#"{"cloudWatchLogsLogGroup": {"logGroupArn": "arn:aws:logs:x"}}"#;
        let refusal = "Invalid Logging Configuration: Must specify exactly one Log Destination.";
        assert_eq!(check("{}"), "fine");
        assert_eq!(check(r#"{"destinations": []}"#), "fine");
        assert_eq!(check(&format!(r#"{{"level": "ALL", "destinations": [{one}]}}"#)), "fine");
        assert_eq!(check(r#"{"level": "FATAL"}"#), refusal);
        assert_eq!(
            check(&format!(r#"{{"level": "ALL", "destinations": [{one}, {one}]}}"#)),
            refusal
        );
    }

    #[test]
    fn an_empty_list_of_destinations_is_echoed_as_one() {
        let logging: Logging = serde_json::from_str(r#"{"destinations": []}"#).unwrap();
        assert_eq!(
            serde_json::to_string(&logging).unwrap(),
            r#"{"level":"OFF","includeExecutionData":false,"destinations":[]}"#
        );
    }
}
