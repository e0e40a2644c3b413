// The types of OneCity's page API. Made from core/protocol/src/bridge/api.rs; docs/page-api.md explains it.

/** Why a call was refused. `code` is one of those in docs/page-api.md, `message` a sentence for people. */
export interface Refusal { code: string; message: string; acr?: string }
/** Anything that JSON can say. */
export type Json = null | boolean | number | string | Json[] | { [member: string]: Json };
/** Where the page runs. */
export interface Info {
  region: string; region_name: string; languages: string[]; service: string; version: string;
  /** Where the service is to begin, if a link or another service opened it. */
  launch: { query: string; data: Json; from: string | null };
  /** Whether somebody is logged in, and as what. */
  account: null | "person" | "enterprise";
}
/** How far an answer can be relied on; `since` is in seconds since 1970. */
export interface Freshness { state: "fresh" | "stale" | "offline"; since: number }
export interface Answer { status: number; body: Json; freshness: Freshness }
export interface RequestOptions {
  method?: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  body?: Json;
  /** `accept-language`, `cache-control`, `if-match`, `if-none-match`, `prefer`, and names that begin with `x-`. */
  headers?: Record<string, string>;
}
export interface SubmitOptions { attachments?: string[]; documents?: string[] }
/** What the city did. `due` is when it means to have taken the next step, in seconds since 1970, if it says so. */
export interface TimelineEntry { at: number; status: string; text: string; due?: number }
export interface Submission {
  id: string; title: string; created: number; timeline: TimelineEntry[];
  state: "waiting" | "delivered" | "refused"; reason?: string; receipt?: Json;
  pending?: "network" | "login" | "step_up" | "consent" | "storage";
}
export interface Draft { title: string; body: Json; by: string | null; expires: number | null }
export interface Pass { id: string; title: string; expires: number; holder: string | null }
export interface Document { id: string; type: string; title: string; issuer: string; expires: number | null }
export interface Photo { id: string; name: string; media_type: string; size: number }
/** Degrees (WGS 84) and metres. */
export interface Position { latitude: number; longitude: number; accuracy: number }
export interface Order { order: string; url: string; amount: number; currency: string }
export interface Receipt { order: string; amount: number; currency: string; paid_at: number; payee: string }
/** What happens to the service (W3C MiniApp Lifecycle). */
export interface LifecycleEvent { type: "launched" | "shown" | "hidden" | "unloaded" }

export interface OneCity {
  /** Calls `listener` whenever the service is launched, shown, hidden or unloaded. Save what must not be lost when it is hidden. */
  on(type: LifecycleEvent["type"], listener: (event: LifecycleEvent) => void): void;
  /** Where, in what languages, in which service and for whom the page runs. */
  info(): Promise<Info>;
  /** Lets the back end know who the resident is, after they have agreed to exactly the fields that the manifest names. From then on the core puts a token for this service on its requests; the page never sees one. */
  login(): Promise<{ fields: string[] }>;
  /** Asks the city's back end. Answers to GET are kept by the rules of RFC 9111, sealed, for this account and service alone: what was seen once is there without a network, and says how old it is. */
  request(url: string, options?: RequestOptions): Promise<Answer>;
  /** Hands something in. It is sealed on the phone when the promise resolves, and is sent once, in the order of the service's submissions, with or without a network now. If the resident agreed to `login` before, it goes with the service's token. The service's draft is removed. */
  submit(url: string, title: string, body: Json, options?: SubmitOptions): Promise<{ id: string }>;
  /** Lets the resident scan a code with the camera. */
  scan(): Promise<{ text: string }>;
  /** Where the phone is. */
  locate(): Promise<Position>;
  /** Lets the resident take or choose a photo of at most 20 MiB. It is sealed at once; name it in `submit`. */
  pickPhoto(): Promise<Photo>;
  /** Opens the phone's own sheet for sharing; the resident chooses whom with. */
  share(text: string, url?: string): Promise<null>;
  /** Dials a `tel:` number or opens an `https:` address in the system browser, after the app has shown where to. */
  navigate(url: string): Promise<null>;
  /** Opens another mini-service by its MiniApp URI, `onecity://miniapp/UNIT:APP_ID/PAGE?QUERY`, and resolves to what it finishes with. The other one finds `data`, and which service it comes from, in `info().launch`. */
  openService(uri: string, data?: Json): Promise<Json>;
  /** Ends this service and goes back to the one that opened it. */
  finish(result?: Json): Promise<null>;
  /** Opens the city's payment page in the system browser and resolves to the receipt, once its signature, order and amount have been found right. A receipt that is not genuine is no answer: after half an hour it is `cancelled`. If the page is gone by the time that it is paid, `receipt` has it. */
  pay(order: Order): Promise<Receipt>;
  /** The receipt of an order of this service, if it was paid. */
  receipt(order: string): Promise<Receipt | null>;
  submissions: {
    /** What the resident has handed in through this service, newest first, with what became of it. */
    list(): Promise<Submission[]>;
  };
  storage: {
    /** A value of the service's own sealed storage; what the manifest's `seed` says, or null, if there is none. */
    get(key: string): Promise<Json>;
    /** Keeps a value of at most 64 KiB; null removes it. All values of a service together: 5 MiB. */
    set(key: string, value: Json): Promise<null>;
    /** The keys that have a value. */
    keys(): Promise<string[]>;
  };
  draft: {
    /** The form that was begun, here or by a helper on another phone: `by` is then the helper's own word for who they are. The resident looks it over and submits it. */
    get(): Promise<Draft | null>;
    /** Keeps the form as far as it is filled in, sealed; a null body removes it. It survives the app's end. */
    set(title: string, body: Json): Promise<null>;
    /** Shows the draft as a QR code that another phone takes over within ten minutes, to be looked over and submitted there. No login, token or document goes with it. */
    handOver(): Promise<null>;
  };
  passes: {
    /** Adds a pass that the service's region issues, or finds the one that is there. */
    add(passType: string): Promise<Pass>;
    /** The resident's passes of one type, of this part of the country. */
    list(passType: string): Promise<Pass[]>;
    /** Shows a pass full screen. The page never sees its code. */
    show(id: string): Promise<null>;
  };
  documents: {
    /** The documents of these types that the resident has, after they have agreed to this service using them. The page sees what they are called, never what is in them; name them in `submit` and the core hands them in. */
    request(types: string[]): Promise<Document[]>;
    /** Keeps a signed document that the back end returned (an SD-JWT VC by an issuer of the region's trust list), for the resident to show, share and hand in again. */
    keep(document: string): Promise<Document>;
  };
}

declare global {
  const onecity: Readonly<OneCity>;
}
