/** The mini-program's global object. */
declare const wx: any;
/** Set by the build: address of the gateway. */
declare const CARILLON_GATEWAY: string;
/** Node's socket; the package has no types of its own. */
declare module 'ws';
