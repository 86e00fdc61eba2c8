//! One event, decoded: what will be archived, and what it says of whom and what there are rows of.
//!
//! What can't be decoded, or names nothing by an id that a row can have, is an event and nothing more.

use bus::Event;
use contract::{AppointmentFacts, CallFacts, ContactFacts, Envelope, EventType, MessageFacts, OrgId, PhoneNumber};
use sources::{Decoded, rank};

use crate::{
    merge::Stamp,
    names::{Person, SHOWN, TOLD, TYPED_IN},
    store::{appointments::Told, contacts::Said, messages::Heard},
};

/// What one event says.
pub(crate) struct Record<'a> {
    pub(crate) event: &'a Event,
    pub(crate) call: Option<(String, Stamp, Box<CallFacts>)>,
    pub(crate) appointment: Option<Told>,
    pub(crate) message: Option<Heard>,
    pub(crate) contact: Option<Said>,
}

impl<'a> Record<'a> {
    /// Whether the body has to be read. Nobody's calls and contacts would be everybody's, and the sound of a call, of up to
    /// 64 MiB, says nothing that has a row.
    pub(crate) fn is_read(event: &Event) -> bool {
        event.envelope.org != OrgId::unknown() && event.envelope.kind != EventType::CallAudioReceived
    }

    /// What can't be decoded is recorded as an event and nothing more; a better decoder can be run over the archive.
    pub(crate) fn decode(event: &'a Event, body: &[u8]) -> Self {
        let Envelope { kind, subject, source, .. } = &event.envelope;
        let mut record = Self { event, call: None, appointment: None, message: None, contact: None };
        if !Self::is_read(event) {
            return record;
        }
        match sources::decode(*source, *kind, body) {
            Ok(Decoded::Call(facts)) => record.hear(subject.as_deref(), facts),
            Ok(Decoded::Contact(facts)) => record.look_up(facts),
            Ok(Decoded::Appointment(facts)) => record.note(facts),
            Ok(Decoded::Message(facts)) => record.read(facts),
            Ok(Decoded::Channel(_) | Decoded::Other) => {}
            Err(error) => tracing::warn!(event.id = event.envelope.id, %error, "archived without being understood"),
        }
        record
    }

    /// What an event of a call says of it, and of the person.
    fn hear(&mut self, call_id: Option<&str>, facts: Box<CallFacts>) {
        let Some(call_id) = call_id else { return };
        let person = Person { name: facts.contact_name.clone(), email: facts.contact_email.clone() };
        // The number that this event names: another one of the same call may yet turn out to be the wrong one.
        let phone = facts.contact_phone().filter(|_| person != Person::default());
        self.contact = phone.map(|phone| self.said(phone, TOLD, person));
        self.call = Some((call_id.replace('\0', ""), self.stamp(rank(self.event.envelope.kind)), facts));
    }

    /// What the CRM says of a contact. What it says of one that it deletes is no news of their name.
    fn look_up(&mut self, facts: ContactFacts) {
        let ContactFacts { phone: Some(phone), name, email, deleted, .. } = facts else { return };
        let person = if deleted { Person::default() } else { Person { name, email } };
        self.contact = Some(self.said(phone, TYPED_IN, person));
    }

    /// What a calendar says of an appointment, and of the person.
    fn note(&mut self, facts: Box<AppointmentFacts>) {
        let person = Person { name: facts.attendee_name.clone(), email: facts.attendee_email.clone() };
        let phone = facts.attendee_phone.clone();
        self.appointment = Told::of(&self.event.envelope, |rank| self.stamp(rank), facts);
        self.meet(phone.filter(|_| self.appointment.is_some()), TOLD, person);
    }

    /// What a messenger says of a message, and of the person.
    fn read(&mut self, facts: Box<MessageFacts>) {
        let person = Person { name: facts.contact_name.clone(), email: None };
        let phone = facts.contact_phone.clone();
        self.message = Heard::of(&self.event.envelope, self.stamp(0), facts);
        self.meet(phone.filter(|_| self.message.is_some()), SHOWN, person);
    }

    /// Who has an appointment or writes with us is a contact, named or not.
    fn meet(&mut self, phone: Option<PhoneNumber>, rank: u8, person: Person) {
        self.contact = phone.map(|phone| Said { met: true, ..self.said(phone, rank, person) });
    }

    fn said(&self, phone: PhoneNumber, rank: u8, person: Person) -> Said {
        Said { phone, stamp: self.stamp(rank), person, met: false }
    }

    fn stamp(&self, rank: u8) -> Stamp {
        Stamp(rank, self.event.envelope.time.timestamp_millis(), self.event.key.as_uuid())
    }
}
