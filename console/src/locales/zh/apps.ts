export default {
  title: "应用与授权",
};
