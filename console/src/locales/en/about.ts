import type zh from "../zh/about";
import type { Same } from "../same";

export default {
  title: "About",
} satisfies Same<typeof zh>;
