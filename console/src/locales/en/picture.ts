import type zh from "../zh/picture";
import type { Same } from "../same";

export default {
  drop: "Drop a picture, or click to choose; you can also paste one",
  types: "JPEG, PNG, WebP, BMP or GIF of up to 20 MB",
  notShown: "The browser can't show this picture; the server may still read it.",
  camera: {
    open: "Use the camera",
    view: "View of the camera",
    take: "Take a picture",
    file: "Use a file",
    refused: "The browser may not use the camera. Allow it beside the address, then load the page again.",
    none: "There is no camera that can be used.",
    inUse: "Another program uses the camera. Close it and try again.",
    turn: "Other camera",
    insecure: "Browsers allow cameras on https and localhost only. Give the server TLS, or open the page on the machine itself.",
  },
} satisfies Same<typeof zh>;
