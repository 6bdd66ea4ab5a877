import type zh from "../zh/signIn";
import type { Same } from "../same";

export default {
  title: "Sign in to AICP",
  about: "Face-identity platform",
  firstStart: "First start: enter the admin token that the server printed",
  ended: "The session has ended. Please sign in again.",
  submit: "Sign in",
  back: "Back",
  password: {
    tab: "Password",
    name: "Name",
    password: "Password",
    nameWanted: "Enter your name",
    passwordWanted: "Enter your password",
  },
  token: {
    tab: "Admin token",
    token: "Admin token",
    where: "The server printed it at its first start; it is also in admin-token in the data folder.",
    wanted: "Enter the admin token",
  },
  face: {
    tab: "Face",
    about: "A face alone lets you look, not change. The picture is compared and not kept.",
    notKept: "The picture is compared and not kept.",
    second: "The password is right. {{name}} must also show their face.",
  },
} satisfies Same<typeof zh>;
