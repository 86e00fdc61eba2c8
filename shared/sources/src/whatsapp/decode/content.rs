//! What is in a message: its sort and its words, under whatever it is wrapped in.
//!
//! Source: `WAProto.proto` of Baileys. Refuses to follow wrappers deeper than the messenger nests them.

use contract::MessageKind;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{naming::length_of_ms, text::Lenient};

/// How many wrappers are opened, one after the other and never by recursion: one for vanishing, one for view-once, one for a caption, and one to spare.
const WRAPPERS_MAX: usize = 4;
/// What Evolution API writes before the words that it has heard in a recording.
const HEARD: &str = "[audio] ";

/// A message as it is sent: one of these, beside what the server adds.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Content {
    conversation: Lenient<String>,
    extended_text_message: Lenient<ExtendedText>,
    image_message: Lenient<Media>,
    video_message: Lenient<Media>,
    ptv_message: Lenient<Media>,
    audio_message: Lenient<Media>,
    document_message: Lenient<Media>,
    sticker_message: Lenient<Media>,
    location_message: Lenient<Place>,
    live_location_message: Lenient<Place>,
    contact_message: Lenient<Card>,
    contacts_array_message: Lenient<Card>,
    reaction_message: Lenient<Reaction>,
    poll_creation_message: Lenient<Poll>,
    #[serde(rename = "pollCreationMessageV2")]
    poll_creation_message_v2: Lenient<Poll>,
    #[serde(rename = "pollCreationMessageV3")]
    poll_creation_message_v3: Lenient<Poll>,
    buttons_response_message: Lenient<Pressed>,
    template_button_reply_message: Lenient<Pressed>,
    list_response_message: Lenient<Pressed>,
    ephemeral_message: Lenient<Box<RawValue>>,
    view_once_message: Lenient<Box<RawValue>>,
    #[serde(rename = "viewOnceMessageV2")]
    view_once_message_v2: Lenient<Box<RawValue>>,
    document_with_caption_message: Lenient<Box<RawValue>>,
    /// Where the server has put an attachment.
    media_url: Lenient<String>,
    /// What the server has heard in a recording.
    speech_to_text: Lenient<String>,
}

#[derive(Deserialize)]
struct Wrapper {
    message: Content,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct ExtendedText {
    text: Lenient<String>,
    context_info: Lenient<Context>,
}

/// What a message answers.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Context {
    pub(super) stanza_id: Lenient<String>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Media {
    caption: Lenient<String>,
    file_name: Lenient<String>,
    mimetype: Lenient<String>,
    seconds: Lenient<f64>,
    context_info: Lenient<Context>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Place {
    name: Lenient<String>,
    address: Lenient<String>,
    caption: Lenient<String>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Card {
    display_name: Lenient<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Reaction {
    text: Lenient<String>,
    key: Lenient<Reacted>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Reacted {
    id: Lenient<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Poll {
    name: Lenient<String>,
}

/// A button or an entry of a list that was chosen.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Pressed {
    selected_display_text: Lenient<String>,
    title: Lenient<String>,
    context_info: Lenient<Context>,
}

/// A message's content in our own words.
pub(super) struct Read {
    pub(super) kind: MessageKind,
    pub(super) text: Option<String>,
    pub(super) reply_to: Option<String>,
    pub(super) media_type: Option<String>,
    pub(super) media_url: Option<String>,
    pub(super) duration_ms: Option<i64>,
}

impl Read {
    fn new(kind: MessageKind, text: Option<String>, context: Lenient<Context>) -> Self {
        let reply_to = context.0.and_then(|context| context.stanza_id.0);
        // An empty text is none, save that of a reaction: it takes one back, which its sort says already.
        let text = text.filter(|text| !text.trim().is_empty());
        Self { kind, text, reply_to, media_type: None, media_url: None, duration_ms: None }
    }
}

impl Media {
    fn read(self, kind: MessageKind, heard: Option<String>) -> Read {
        let heard = heard.map(|text| text.strip_prefix(HEARD).map(str::to_owned).unwrap_or(text));
        let duration_ms = self.seconds.0.and_then(|s| length_of_ms(s * 1000.0));
        let text = self.caption.0.or(heard).or(self.file_name.0);
        Read { media_type: self.mimetype.0, duration_ms, ..Read::new(kind, text, self.context_info) }
    }
}

impl Content {
    /// The first of what it can be that it is.
    pub(super) fn read(self) -> Read {
        let mut content = self;
        let mut url = content.media_url.0.take();
        for _ in 0..WRAPPERS_MAX {
            let Some(inner) = content.unwrap() else { break };
            content = inner;
            url = url.or(content.media_url.0.take());
        }
        Read { media_url: url, ..content.own() }
    }

    /// What is inside, if it is a wrapper.
    fn unwrap(&mut self) -> Option<Self> {
        let wrappers = [
            &mut self.ephemeral_message,
            &mut self.view_once_message,
            &mut self.view_once_message_v2,
            &mut self.document_with_caption_message,
        ];
        let wrapper = wrappers.into_iter().find_map(|wrapper| wrapper.0.take())?;
        serde_json::from_str::<Wrapper>(wrapper.get()).ok().map(|wrapper| wrapper.message)
    }

    fn own(self) -> Read {
        let none = Lenient::default;
        if let Some(media) = self.image_message.0 {
            return media.read(MessageKind::Image, None);
        }
        if let Some(media) = self.video_message.0.or(self.ptv_message.0) {
            return media.read(MessageKind::Video, None);
        }
        if let Some(media) = self.audio_message.0 {
            return media.read(MessageKind::Audio, self.speech_to_text.0);
        }
        if let Some(media) = self.document_message.0 {
            return media.read(MessageKind::Document, None);
        }
        if let Some(media) = self.sticker_message.0 {
            return media.read(MessageKind::Sticker, None);
        }
        if let Some(Reaction { text, key }) = self.reaction_message.0 {
            let reply_to = key.0.and_then(|key| key.id.0);
            return Read { reply_to, ..Read::new(MessageKind::Reaction, text.0, none()) };
        }
        if let Some(Place { name, address, caption }) = self.location_message.0.or(self.live_location_message.0) {
            return Read::new(MessageKind::Location, name.0.or(address.0).or(caption.0), none());
        }
        if let Some(card) = self.contact_message.0.or(self.contacts_array_message.0) {
            return Read::new(MessageKind::Contact, card.display_name.0, none());
        }
        let poll = self.poll_creation_message.0.or(self.poll_creation_message_v2.0);
        if let Some(poll) = poll.or(self.poll_creation_message_v3.0) {
            return Read::new(MessageKind::Poll, poll.name.0, none());
        }
        let pressed = self.buttons_response_message.0.or(self.template_button_reply_message.0);
        if let Some(pressed) = pressed.or(self.list_response_message.0) {
            let text = pressed.selected_display_text.0.or(pressed.title.0);
            return Read::new(MessageKind::Text, text, pressed.context_info);
        }
        if let Some(extended) = self.extended_text_message.0 {
            return Read::new(MessageKind::Text, extended.text.0.or(self.conversation.0), extended.context_info);
        }
        match self.conversation.0 {
            Some(text) => Read::new(MessageKind::Text, Some(text), none()),
            None => Read::new(MessageKind::Other, None, none()),
        }
    }
}
