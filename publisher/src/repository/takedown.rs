//! Taking a service down at once, by its own unit or one above it.

use onecity_protocol::service::ServiceId;

use super::*;

impl<S: RegistryStorage> Repository<S> {
    /// Takes a service down, in all its versions and those to come, until it is lifted. A unit may do so for itself and
    /// for those below it: a city for its departments, a province for its cities, without their keys.
    pub fn take_down(&mut self, by: &UnitId, service: &ServiceId, withdrawn: &Withdrawn) -> Result<(), PublishError> {
        let role = self.role_of(by)?;
        let (path, statement) = (Takedown::path(service), serde_json::to_value(withdrawn)?);
        let bytes: Arc<[u8]> = serde_json::to_vec(&statement)?.into();
        Takedown::from_target(by, &read_target(&path, &listed(&bytes, Some(statement.clone())))?)?;
        self.list(&role, &path, bytes, Some(statement))
    }

    /// Lifts a takedown that the same unit signed. The service is offered again as its unit says.
    pub fn lift_takedown(&mut self, by: &UnitId, service: &ServiceId) -> Result<(), PublishError> {
        let path = Takedown::path(service);
        match self.role_to_change(by)?.targets.remove(&path) {
            Some(_) => Ok(()),
            None => Err(PublishError::Usage(format!("{by} has not taken {service} down"))),
        }
    }
}
